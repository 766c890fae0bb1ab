#include "eebench/data/data_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"

namespace eebench::data {
namespace {

/// What weaver-core 0.5.3 knows at the top of a data configuration.
constexpr std::array<std::string_view, 12> weaver_keys{
    "treename",      "branch_magic", "file_magic", "selection", "test_time_selection", "preprocess",
    "new_variables", "inputs",       "labels",     "observers", "monitor_variables",   "weights"};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw InputError(fmt::format("{}: {}", path.string(), what));
}

/// A name, or a list that begins with one; weaver's sixth entry, the value of padding, is not
/// needed.
Variable read_variable(const YAML::Node& node) {
  Variable variable;
  if (node.IsScalar()) {
    variable.name = node.as<std::string>();
    return variable;
  }
  variable.name = node[0].as<std::string>();
  if (node.size() > 1 && !node[1].IsNull()) {
    variable.subtract = node[1].as<float>();
  }
  const std::array numbers{&variable.multiply, &variable.low, &variable.high};
  for (std::size_t i = 2; i < std::min<std::size_t>(5, node.size()); ++i) {
    *numbers[i - 2] = node[i].as<float>();
  }
  return variable;
}

/// The same; what it cannot be made of is named with its list and place.
Variable checked_variable(const YAML::Node& node, const std::string& group, std::size_t place,
                          const std::filesystem::path& path) {
  try {
    const bool list = node.IsSequence() && node.size() >= 1 && node.size() <= 6;
    if (node.IsScalar() || list) {
      Variable variable = read_variable(node);
      if (variable.low <= variable.high) {
        return variable;
      }
    }
  } catch (const YAML::Exception&) {
    // The parser's own words name neither the variable nor the form.
  }
  std::string found = YAML::Dump(node);
  std::replace(found.begin(), found.end(), '\n', ' ');
  fail(path, fmt::format("line {}: {}, entry {}: {} is not a variable; expected name or "
                         "[name, subtract or null, multiply, low, high] with numbers, low <= high",
                         node.Mark().line + 1, group, place, found));
}

std::vector<Variable> read_group(const YAML::Node& inputs, const std::string& name,
                                 std::size_t expected, const std::filesystem::path& path) {
  const YAML::Node group = inputs[name];
  if (!group || !group["vars"] || !group["vars"].IsSequence()) {
    fail(path,
         fmt::format("inputs.{}.vars is missing; it lists the variables of this group", name));
  }
  std::vector<Variable> variables;
  for (const YAML::Node& node : group["vars"]) {
    variables.push_back(checked_variable(node, "inputs." + name + ".vars", variables.size(), path));
  }
  if (expected != 0 && variables.size() != expected) {
    fail(path, fmt::format("inputs.{}.vars lists {} variables, expected {}", name, variables.size(),
                           expected));
  }
  return variables;
}

/// A variable for each channel, which all its pixels share.
void read_images(const YAML::Node& images, DataConfig& config, const std::filesystem::path& path) {
  const YAML::Node shape = images["shape"];
  const YAML::Node channels = images["channels"];
  if (!shape || !shape.IsSequence() || shape.size() != 3 || !channels || !channels.IsSequence() ||
      static_cast<std::int64_t>(channels.size()) != shape[0].as<std::int64_t>()) {
    fail(path,
         "images needs a shape, [channels, height, width], and channels with one variable "
         "for each");
  }
  config.image = shape.as<std::vector<std::int64_t>>();
  constexpr std::int64_t most = 4096;
  if (std::any_of(config.image.begin(), config.image.end(),
                  [](std::int64_t side) { return side < 1 || side > most; })) {
    fail(path, fmt::format("images.shape must be of numbers from 1 to {}", most));
  }
  constexpr std::int64_t most_pixels = std::int64_t{4} << 20;
  if (config.image[0] * config.image[1] * config.image[2] > most_pixels) {
    fail(path,
         fmt::format("images.shape makes more than {} inputs; take smaller images", most_pixels));
  }
  for (std::size_t c = 0; c < channels.size(); ++c) {
    config.features.insert(config.features.end(),
                           static_cast<std::size_t>(config.image[1] * config.image[2]),
                           checked_variable(channels[c], "images.channels", c, path));
  }
  config.length = 1;
}

std::vector<std::string> read_classes(const YAML::Node& labels, const std::filesystem::path& path) {
  if (!labels) {
    return {};
  }
  constexpr std::string_view prefix = "label_";
  if (!labels["value"] || !labels["value"].IsSequence()) {
    fail(path, "labels.value must list one label_<class> a class (type: simple)");
  }
  std::vector<std::string> classes;
  for (const auto& label : labels["value"].as<std::vector<std::string>>()) {
    if (!label.starts_with(prefix)) {
      fail(path, fmt::format("labels.value names '{}'; expected label_<class>, with a class that "
                             "the jet file names",
                             label));
    }
    classes.push_back(label.substr(prefix.size()));
  }
  return classes;
}

/// Variables that need each other would be computed for ever. `way`: from the first one to `name`;
/// what `name` needs is not looked at again once it is in `fine`.
void check_cycles(const DataConfig& config, std::vector<std::string> way, const std::string& name,
                  std::set<std::string>& fine) {
  if (fine.contains(name)) {
    return;
  }
  const bool again = std::find(way.begin(), way.end(), name) != way.end();
  way.push_back(name);
  if (again) {
    throw InputError(fmt::format(
        "new_variables: {} need each other; define them from columns of the jet file, under names "
        "that it does not have",
        fmt::join(way, " -> ")));
  }
  for (const auto& [defined, expression] : config.new_variables) {
    if (defined == name) {
      for (const std::string& read : expression.names()) {
        check_cycles(config, way, read, fine);
      }
    }
  }
  fine.insert(name);
}

}  // namespace

float Variable::standardise(float raw) const {
  const float value = subtract ? std::clamp((raw - *subtract) * multiply, low, high) : raw;
  return std::isnan(value) ? 0.0F : value;
}

DataConfig DataConfig::load(const std::filesystem::path& path) try {
  if (!std::filesystem::is_regular_file(path)) {
    fail(path, "no such file; give a weaver data configuration (YAML)");
  }
  const YAML::Node root = YAML::LoadFile(path.string());
  DataConfig config;
  config.sha256 = sha256_file(path);
  if (root.IsMap() && root["images"]) {
    read_images(root["images"], config, path);
    return config;
  }
  if (!root.IsMap() || !root["inputs"]) {
    fail(path, "no key 'inputs'; expected a weaver data configuration (YAML)");
  }
  for (const auto& item : root) {
    if (const auto key = item.first.as<std::string>();
        std::find(weaver_keys.begin(), weaver_keys.end(), key) == weaver_keys.end()) {
      throw_unknown("key", key, "", weaver_keys);
    }
  }
  for (const char* key : {"selection", "weights", "preprocess"}) {
    const YAML::Node node = root[key];
    const bool manual =
        node && node.IsMap() && node["method"] && node["method"].as<std::string>() == "manual";
    if (node && !node.IsNull() && !manual) {
      fail(path,
           fmt::format("key '{}' is not for training but for preparing jets; python -m "
                       "eebench_analysis prepare does so and leaves a configuration without it",
                       key));
    }
  }
  if (const YAML::Node variables = root["new_variables"]) {
    for (const auto& item : variables) {
      const auto name = item.first.as<std::string>();
      Expression expression(item.second.as<std::string>());
      if (expression.text() != name) {  // a column called by its own name is that column
        config.new_variables.emplace_back(name, std::move(expression));
      }
    }
    std::set<std::string> fine;
    for (const auto& [name, expression] : config.new_variables) {
      check_cycles(config, {}, name, fine);
    }
  }
  const YAML::Node inputs = root["inputs"];
  config.points = read_group(inputs, "pf_points", 2, path);
  config.features = read_group(inputs, "pf_features", 0, path);
  config.vectors = read_group(inputs, "pf_vectors", 4, path);
  if (const YAML::Node length = inputs["pf_features"]["length"]) {
    config.length = length.as<std::int64_t>();
  }
  if (config.length < 1) {
    fail(path, "inputs.pf_features.length must be at least 1 particle");
  }
  config.classes = read_classes(root["labels"], path);
  return config;
} catch (const YAML::Exception& error) {
  fail(path, fmt::format("line {}: {}", error.mark.line + 1, error.msg));
} catch (const InputError& error) {
  const std::string what = error.what();
  if (what.starts_with(path.string())) {
    throw;
  }
  fail(path, what);
}

std::vector<std::string> DataConfig::columns(bool derive_angles) const {
  std::vector<std::string> wanted;
  const auto want = [&](const std::string& name) {
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) {
      wanted.push_back(name);
    }
  };
  for (const auto* group : {&points, &features, &vectors}) {
    for (const Variable& variable : *group) {
      want(variable.name);
    }
  }
  // Definitions may use each other: replace defined names by what they read until none is left.
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    for (const auto& [name, expression] : new_variables) {
      if (name == wanted[i]) {
        for (const std::string& read : expression.names()) {
          want(read);
        }
      }
    }
  }
  if (derive_angles) {
    for (const char* name : {"part_px", "part_py", "part_pz", "jet_eta", "jet_phi"}) {
      want(name);
    }
  }
  std::erase_if(wanted, [&](const std::string& name) {
    return (derive_angles && (name == "part_deta" || name == "part_dphi")) ||
           std::any_of(new_variables.begin(), new_variables.end(),
                       [&](const auto& item) { return item.first == name; });
  });
  return wanted;
}

}  // namespace eebench::data
