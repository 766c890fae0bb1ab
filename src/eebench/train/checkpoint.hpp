#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "eebench/model/weights.hpp"

namespace eebench::train {

/// Everything a training needs to go on exactly where it was.
struct Checkpoint {
  model::StateDict weights;
  std::string config;          ///< of the model
  std::string training;        ///< settings that a resumed run must share
  model::StateDict optimiser;  ///< its memory, flat
  std::int64_t step = 0;       ///< steps done; with the seed it fixes the position in the data
  std::int64_t world_size = 1;
  double best = -1.0;  ///< best validation score so far
  std::int64_t best_epoch = -1;
  std::int64_t validated_step = 0;  ///< after which the last validation was

  /// Throws InputError where the optimiser that wrote it kept nothing of that name.
  const at::Tensor& memory_of(const std::string& name) const;
};

/// Writes folder/step-00001234.h5 atomically and keeps the last two. Throws IoError.
void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// Removes the checkpoints behind `step`: a run that goes on from there found them damaged.
void remove_checkpoints_after(const std::filesystem::path& folder, std::int64_t step);

/// Whether there is any checkpoint, whole or not, in the output folder of a training.
bool holds_checkpoint(const std::filesystem::path& output);

/// The newest one that is whole; damaged ones are reported in one line each through `warn` and
/// skipped. Empty where there is none. Throws InputError where all are damaged.
std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& folder,
                                            const std::function<void(const std::string&)>& warn);

}  // namespace eebench::train
