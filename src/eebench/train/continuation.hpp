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

/// The settings that decide the loss curve, and the number of jets, as words `key=value`.
std::string curve_settings(const Settings& settings, std::int64_t jets);

/// The newest checkpoint of an output folder, for a run that goes on from it; empty where there is
/// none. Says through `say` which step it is, which damaged checkpoints were passed over, and what
/// a changed length means. Throws InputError where the model or a setting other than the length
/// (epochs, steps) is not that of the checkpoint. The number of ranks may differ.
std::optional<Checkpoint> find_continuation(const std::filesystem::path& output,
                                            const model::ModelConfig& config,
                                            const std::string& curve_settings,
                                            const std::function<void(const std::string&)>& say);

}  // namespace eebench::train
