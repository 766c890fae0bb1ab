#include "eebench/train/continuation.hpp"

#include <map>
#include <sstream>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"

namespace eebench::train {
namespace {

struct Differences {
  std::vector<std::string> length;  ///< of epochs and steps
  std::vector<std::string> others;
  std::vector<std::string> unrecorded;  ///< words that an older eebench did not write
};

std::map<std::string, std::string> values_of(const std::string& words) {
  std::istringstream in(words);
  std::map<std::string, std::string> values;
  for (std::string word; in >> word;) {
    values.emplace(word.substr(0, word.find('=')), word);
  }
  return values;
}

Differences differences(const std::string& before, const std::string& now) {
  std::map<std::string, std::string> left = values_of(before);
  Differences found;
  for (const auto& [key, word] : values_of(now)) {
    const auto old = left.extract(key);
    if (old.empty()) {
      found.unrecorded.push_back(word);
    } else if (old.mapped() != word) {
      const bool length = key == "epochs" || key == "steps";
      (length ? found.length : found.others)
          .push_back(fmt::format("{} (now {})", old.mapped(), word));
    }
  }
  for (const auto& [key, word] : left) {
    found.others.push_back(fmt::format("{} (now without)", word));
  }
  return found;
}

/// As words are told apart by spaces.
std::string without_spaces(std::string text) {
  std::erase(text, ' ');
  return text;
}

}  // namespace

std::string curve_settings(const Settings& settings, std::int64_t jets,
                           const InputDigests& inputs) {
  std::string words;
  each_setting(settings, [&](std::string_view key, const auto& value) {
    if (key == "patience" || key == "checkpoint_steps") {
      return;  // the curve is the same
    }
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, std::string>) {
      words += fmt::format("{}={} ", key, without_spaces(value));
    } else if constexpr (std::is_same_v<T, std::map<std::string, double>>) {
      std::vector<std::string> pairs;
      for (const auto& [name, number] : value) {
        pairs.push_back(fmt::format("{}:{}", name, number));
      }
      words += fmt::format("{}=[{}] ", key, fmt::join(pairs, ","));
    } else if constexpr (std::is_same_v<T, std::vector<double>> ||
                         std::is_same_v<T, std::vector<std::string>>) {
      words += fmt::format("{}=[{}] ", key, fmt::join(value, ","));
    } else {
      words += fmt::format("{}={} ", key, value);
    }
  });
  return words +
         fmt::format("jets={} training_jets={} validation_jets={} first_weights={} features={}",
                     jets, inputs.training, inputs.validation, inputs.weights, inputs.features);
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
