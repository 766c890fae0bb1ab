#include "eebench/train/checkpoint.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::train {
namespace {

constexpr std::int64_t format_version = 2;
constexpr std::string_view optimiser_prefix = "optimiser.";

std::vector<std::filesystem::path> checkpoints(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().filename().string().starts_with("step-") &&
          entry.path().extension() == ".h5") {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.rbegin(), files.rend());
  return files;
}

std::filesystem::path path_of(const std::filesystem::path& folder, std::int64_t step) {
  return folder / fmt::format("step-{:08}.h5", step);
}

/// Of all but the tensors, which have a hash of their own.
std::string state_sha256(const Checkpoint& c) {
  return sha256(fmt::format("{}\n{}\n{} {} {} {} {}", c.config, c.training, c.step, c.world_size,
                            c.best, c.best_epoch, c.validated_step));
}

Checkpoint read(const std::filesystem::path& path) {
  Checkpoint checkpoint;
  model::Weights all = model::read_weights(path);
  const h5::File file = h5::File::open(path);
  checkpoint.config = std::move(all.config);
  checkpoint.training = file.attribute<std::string>("training");
  checkpoint.step = file.attribute<std::int64_t>("step");
  checkpoint.world_size = file.attribute<std::int64_t>("world_size");
  checkpoint.best = file.attribute<double>("best");
  checkpoint.best_epoch = file.attribute<std::int64_t>("best_epoch");
  if (file.attribute<std::int64_t>("checkpoint_version") == 1) {
    checkpoint.validated_step = checkpoint.step;  // it was written after validation
  } else {
    checkpoint.validated_step = file.attribute<std::int64_t>("validated_step");
    if (file.attribute<std::string>("state_sha256") != state_sha256(checkpoint)) {
      throw InputError(path.string() + ": damaged: its hash is another one");
    }
  }
  for (auto& [name, tensor] : all.tensors) {
    if (name.starts_with(optimiser_prefix)) {
      checkpoint.optimiser.emplace_back(name.substr(optimiser_prefix.size()), tensor);
    } else {
      checkpoint.weights.emplace_back(name, tensor);
    }
  }
  if (checkpoint.optimiser.empty()) {
    throw InputError(path.string() + ": no state of the optimiser, so it is not a checkpoint");
  }
  return checkpoint;
}

}  // namespace

const at::Tensor& Checkpoint::memory_of(const std::string& name) const {
  for (const auto& [own, tensor] : optimiser) {
    if (own == name) {
      return tensor;
    }
  }
  throw InputError(
      fmt::format("the checkpoint of step {} holds no '{}' of an optimiser", step, name));
}

void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw IoError(fmt::format("{}: cannot be made: {}", folder.string(), error.message()));
  }
  model::StateDict all = checkpoint.weights;
  for (const auto& [name, tensor] : checkpoint.optimiser) {
    all.emplace_back(std::string(optimiser_prefix) + name, tensor);
  }
  sys::publish(path_of(folder, checkpoint.step), [&](const std::filesystem::path& temporary) {
    model::write_weights(temporary, {.tensors = all, .config = checkpoint.config});
    h5::File file = h5::File::open_writable(temporary);
    file.set_attribute("checkpoint_version", format_version);
    file.set_attribute("training", checkpoint.training);
    file.set_attribute("step", checkpoint.step);
    file.set_attribute("world_size", checkpoint.world_size);
    file.set_attribute("best", checkpoint.best);
    file.set_attribute("best_epoch", checkpoint.best_epoch);
    file.set_attribute("validated_step", checkpoint.validated_step);
    file.set_attribute("state_sha256", state_sha256(checkpoint));
    file.close();
  });
  const auto files = checkpoints(folder);
  for (std::size_t i = 2; i < files.size(); ++i) {
    std::filesystem::remove(files[i]);
  }
}

void remove_checkpoints_after(const std::filesystem::path& folder, std::int64_t step) {
  for (const auto& file : checkpoints(folder)) {
    if (file > path_of(folder, step)) {
      std::filesystem::remove(file);
    }
  }
}

bool holds_checkpoint(const std::filesystem::path& output) {
  return !checkpoints(output / "checkpoints").empty();
}

std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& folder,
                                            const std::function<void(const std::string&)>& warn) {
  const auto files = checkpoints(folder);
  for (const auto& file : files) {
    try {
      return read(file);
    } catch (const Error& error) {
      warn(fmt::format("{}; trying the checkpoint before it", error.what()));
    }
  }
  if (!files.empty()) {
    throw InputError(
        fmt::format("{}: no checkpoint can be read; begin anew in another -o", folder.string()));
  }
  return std::nullopt;
}

}  // namespace eebench::train
