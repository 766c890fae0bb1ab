#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "eebench/data/cifar.hpp"
#include "eebench/data/data_config.hpp"
#include "eebench/data/jet_batch.hpp"
#include "eebench/data/jet_file.hpp"

namespace eebench::data {

/// A jet file or images (CifarFiles) seen through a data configuration: ranges of jets as a network
/// wants them.
class JetSource {
 public:
  /// Throws InputError where the file lacks a column or has a class that the configuration does not
  /// list, or holds images where it is of jets.
  JetSource(const std::filesystem::path& path, DataConfig config);

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

 private:
  std::variant<JetFile, CifarFiles> file_;
  DataConfig config_;
  bool derive_angles_ = false;
  std::vector<std::string> columns_;
  std::vector<std::int64_t> class_of_label_;  ///< position in classes() of each class of the file
};

/// Network inputs from columns; `first` is the data-set index of the first jet. Adds part_deta and
/// part_dphi where `derive_angles`: deta = sign(jet_eta) (eta - jet_eta), dphi wrapped to [-pi,
/// pi).
JetBatch assemble(JetColumns jets, const DataConfig& config, bool derive_angles,
                  std::int64_t first);

/// The jets at these positions of a batch, in this order.
JetBatch select(const JetBatch& batch, std::span<const std::int64_t> positions);
/// Adds the jets of `more` behind those of `batch`.
void append(JetBatch& batch, const JetBatch& more);

}  // namespace eebench::data
