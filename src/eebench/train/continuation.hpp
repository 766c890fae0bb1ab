#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "eebench/model/registry.hpp"
#include "eebench/train/checkpoint.hpp"
#include "eebench/train/settings.hpp"

namespace eebench::train {

/// SHA-256 of what a training reads.
struct InputDigests {
  std::string training;
  std::string validation = "none";
  std::string weights = "drawn";     ///< to begin with; drawn: the seed decides
  std::string features = "unknown";  ///< of the data configuration
};

/// The settings that decide the loss curve, the number of jets and the inputs, as words
/// `key=value`.
std::string curve_settings(const Settings& settings, std::int64_t jets, const InputDigests& inputs);

/// The newest checkpoint of an output folder, for a run that goes on from it; empty where there is
/// none. Says through `say` which step it is, which damaged checkpoints were passed over, what a
/// changed length means, and what a checkpoint of an older eebench has not recorded. Throws
/// InputError where the model, the inputs or a setting other than the length (epochs, steps) is not
/// that of the checkpoint. The number of ranks may differ.
std::optional<Checkpoint> find_continuation(const std::filesystem::path& output,
                                            const model::ModelConfig& config,
                                            const std::string& curve_settings,
                                            const std::function<void(const std::string&)>& say);

}  // namespace eebench::train
