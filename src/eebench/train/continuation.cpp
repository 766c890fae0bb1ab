#include "eebench/train/continuation.hpp"

#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"

namespace eebench::train {
namespace {

struct Differences {
  std::vector<std::string> length;  ///< of epochs and steps
  std::vector<std::string> others;
  std::vector<std::string> unrecorded;  ///< last words that an older eebench did not write
};

/// Word by word; new words are only ever added at the end.
Differences differences(const std::string& before, const std::string& now) {
  std::istringstream a(before);
  std::istringstream b(now);
  std::string left;
  std::string right;
  Differences found;
  while (b >> right) {
    if (!(a >> left)) {
      found.unrecorded.push_back(right);
    } else if (left != right) {
      const bool length = left.starts_with("epochs=") || left.starts_with("steps=");
      (length ? found.length : found.others).push_back(fmt::format("{} (now {})", left, right));
    }
  }
  while (a >> left) {
    found.others.push_back(fmt::format("{} (now without)", left));
  }
  return found;
}

}  // namespace

std::string curve_settings(const Settings& s, std::int64_t jets, const InputDigests& inputs) {
  return fmt::format(
      "global_batch={} epochs={} steps={} lr={} weight_decay={} warmup={} clip={} "
      "exit_weights=[{}] loss={} seed={} precision={} freeze_backbone={} jets={} "
      "training_jets={} validation_jets={} first_weights={} features={}",
      s.global_batch, s.epochs, s.steps, s.lr, s.weight_decay, s.warmup, s.clip,
      fmt::join(s.exit_weights, ","), s.loss, s.seed, s.precision, s.freeze_backbone, jets,
      inputs.training, inputs.validation, inputs.weights, inputs.features);
}

std::optional<Checkpoint> find_continuation(const std::filesystem::path& output,
                                            const model::ModelConfig& config,
                                            const std::string& curve_settings,
                                            const std::function<void(const std::string&)>& say) {
  std::optional<Checkpoint> from = newest_checkpoint(output / "checkpoints", say);
  if (!from) {
    say(fmt::format("{}: no checkpoint, so the training begins", output.string()));
    return from;
  }
  const Differences found = differences(from->training, curve_settings);
  if (!found.others.empty()) {
    throw InputError(fmt::format(
        "{}: the checkpoint was made with {}; give the same settings and files, or another -o",
        output.string(), fmt::join(found.others, ", ")));
  }
  const model::ModelConfig before = model::parse_model_config(from->config, output.string());
  if (model::network_sha256(before) != model::network_sha256(config)) {
    throw InputError(fmt::format(
        "{}: the checkpoint was made with another model configuration; give the config.toml there "
        "as --config, or another -o",
        output.string()));
  }
  say(fmt::format("going on after step {}", from->step));
  if (!found.unrecorded.empty()) {
    say(fmt::format("the checkpoint does not record {}, so this is not compared",
                    fmt::join(found.unrecorded, ", ")));
  }
  if (!found.length.empty()) {
    say(
        fmt::format("another length, {}: from here the learning rate follows the schedule of the "
                    "new one, so the curve is not that of one run of this length",
                    fmt::join(found.length, ", ")));
  }
  return from;
}

}  // namespace eebench::train
