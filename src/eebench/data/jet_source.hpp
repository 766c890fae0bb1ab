#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "eebench/data/cifar.hpp"
#include "eebench/data/data_config.hpp"
#include "eebench/data/draws.hpp"
#include "eebench/data/jet_batch.hpp"
#include "eebench/data/jet_file.hpp"

namespace eebench::data {

/// What jets are read for: training, which draws by the configuration's weights, and its validation
/// take its `selection`, everything else `test_time_selection`.
enum class Use { training, validation, testing };

/// A jet file or images (CifarFiles) seen through a data configuration: ranges of jets as a network
/// wants them. Where the configuration selects, only the selected jets count, in their order; each
/// rank finds them by itself from the columns that the selection reads.
class JetSource {
 public:
  /// Throws InputError where the file lacks a column or has a class that the configuration does not
  /// list, or holds images where it is of jets, where no jet is selected, and where numbers of the
  /// inputs are still to be found (automatic.hpp).
  JetSource(const std::filesystem::path& path, DataConfig config, Use use = Use::testing);

  const std::filesystem::path& path() const;
  /// What a digest of the data is of.
  std::vector<std::filesystem::path> files() const;
  std::int64_t jets() const;
  /// What the labels of the batches count: the classes of the configuration, in its order.
  const std::vector<std::string>& classes() const;
  /// Of the data configuration, as DataConfig::sha256.
  const std::string& config_sha256() const { return config_.sha256; }
  /// Constituents that are kept of a jet.
  std::int64_t max_particles() const { return config_.length; }
  /// Jets [begin, end). Particles beyond the configured length are cut.
  /// Throws InputError for inputs that are not finite.
  JetBatch read(std::int64_t begin, std::int64_t end) const;
  /// How many of the jets [begin, end) lose particles so.
  std::int64_t cut(std::int64_t begin, std::int64_t end) const;

  /// How many jets the selection keeps, for the user; empty without a selection.
  std::string selection_line() const;
  /// Where a jet stands in the file.
  std::int64_t place(std::int64_t jet) const {
    return selected_ ? (*selected_)[static_cast<std::size_t>(jet)] : jet;
  }
  /// How training draws the jets; null where it takes each once an epoch.
  const Draws* draws() const { return draws_ ? &*draws_ : nullptr; }

 private:
  /// Calls `piece` for the jets [begin, end) with some columns, a few thousand at a time.
  void for_each_piece(std::int64_t begin, std::int64_t end, const std::vector<std::string>& columns,
                      const std::function<void(JetColumns jets, std::int64_t first)>& piece) const;
  void select_jets(const Expression& selection);
  std::vector<std::int64_t> places() const;
  std::vector<std::int64_t> labels_of(const JetColumns& jets, std::int64_t begin) const;

  std::variant<JetFile, CifarFiles> file_;
  DataConfig config_;
  bool derive_angles_ = false;
  std::vector<std::string> columns_;
  /// Position in classes() of each class of the file, or -1; empty where labels are formulas.
  std::vector<std::int64_t> class_of_label_;
  std::string selection_;                              ///< its formula
  std::optional<std::vector<std::int64_t>> selected_;  ///< places in the file
  std::optional<Draws> draws_;
};

/// Columns of jets and, computed when they are first asked for, the new variables of a
/// configuration, one value a particle. Adds part_deta and part_dphi where `derive_angles`: deta =
/// sign(jet_eta) (eta - jet_eta), dphi wrapped to [-pi, pi).
class ParticleTable {
 public:
  ParticleTable(JetColumns jets, const DataConfig& config, bool derive_angles);
  const JetColumns& jets() const { return jets_; }
  const Column& column(const std::string& name);

 private:
  JetColumns jets_;
  const DataConfig& config_;
};

/// Network inputs from columns; `first` is the data-set index of the first jet.
JetBatch assemble(JetColumns jets, const DataConfig& config, bool derive_angles,
                  std::int64_t first);

/// The jets at these positions of a batch, in this order.
JetBatch select(const JetBatch& batch, std::span<const std::int64_t> positions);
/// Adds the jets of `more` behind those of `batch`.
void append(JetBatch& batch, const JetBatch& more);

}  // namespace eebench::data
