#include "eebench/data/data_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
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
constexpr std::array<std::string_view, 13> weaver_keys{
    "treename",          "branch_magic",  "file_magic", "selection", "test_time_selection",
    "preprocess",        "new_variables", "inputs",     "labels",    "observers",
    "monitor_variables", "weights",       "bucketing"};
constexpr std::array<std::string_view, 10> weights_keys{
    "use_precomputed_weights", "weight_branches",
    "reweight_method",         "reweight_basewgt",
    "reweight_vars",           "reweight_classes",
    "class_weights",           "reweight_hists",
    "reweight_threshold",      "reweight_discard_under_overflow"};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw InputError(fmt::format("{}: {}", path.string(), what));
}

/// A list or map under a key, or none; null counts as none.
YAML::Node child(const YAML::Node& node, const std::string& key) {
  const YAML::Node found = node[key];
  return found && !found.IsNull() ? found : YAML::Node(YAML::NodeType::Undefined);
}

template <class T>
T value_or(const YAML::Node& node, const std::string& key, T otherwise) {
  const YAML::Node found = child(node, key);
  return found ? found.as<T>() : otherwise;
}

/// A name, or a list that begins with one; weaver's sixth entry, the value of padding, is not
/// needed. Where it says neither a number nor null: `automatic`.
Variable read_variable(const YAML::Node& node, bool automatic) {
  Variable variable;
  variable.automatic = automatic;
  if (node.IsScalar()) {
    variable.name = node.as<std::string>();
    return variable;
  }
  variable.name = node[0].as<std::string>();
  if (node.size() > 1) {
    variable.automatic = node[1].IsScalar() && node[1].as<std::string>() == "auto";
    if (!node[1].IsNull() && !variable.automatic) {
      variable.subtract = node[1].as<float>();
    }
  }
  const std::array numbers{&variable.multiply, &variable.low, &variable.high};
  for (std::size_t i = 2; i < std::min<std::size_t>(5, node.size()); ++i) {
    *numbers[i - 2] = node[i].as<float>();
  }
  return variable;
}

/// The same; what it cannot be made of is named with its list and place.
Variable checked_variable(const YAML::Node& node, bool automatic, const std::string& group,
                          std::size_t place, const std::filesystem::path& path) {
  try {
    const bool list = node.IsSequence() && node.size() >= 1 && node.size() <= 6;
    if (node.IsScalar() || list) {
      Variable variable = read_variable(node, automatic);
      if (variable.low <= variable.high) {
        return variable;
      }
    }
  } catch (const YAML::Exception&) {
    // The parser's own words name neither the variable nor the form.
  }
  std::string found = YAML::Dump(node);
  std::replace(found.begin(), found.end(), '\n', ' ');
  fail(path,
       fmt::format("line {}: {}, entry {}: {} is not a variable; expected name or "
                   "[name, subtract, null or auto, multiply, low, high] with numbers, low <= high",
                   node.Mark().line + 1, group, place, found));
}

/// What weaver, or eebench, has found out about a variable.
void take_numbers(const YAML::Node& params, Variable& variable, const std::filesystem::path& path) {
  const YAML::Node known = params[variable.name];
  if (!known || !known["center"] || !known["scale"]) {
    fail(path, fmt::format("preprocess.params has no center and scale of '{}'; remove the params "
                           "or the file, so that they are made again",
                           variable.name));
  }
  variable.automatic = false;
  variable.subtract.reset();
  if (!known["center"].IsNull()) {
    variable.subtract = known["center"].as<float>();
    variable.multiply = known["scale"].as<float>();
    variable.low = value_or(known, "min", variable.low);
    variable.high = value_or(known, "max", variable.high);
  }
}

std::vector<Variable> read_group(const YAML::Node& root, const std::string& name,
                                 std::size_t expected, const std::filesystem::path& path) {
  const YAML::Node inputs = root["inputs"];
  const YAML::Node preprocess = child(root, "preprocess");
  const YAML::Node params = child(preprocess, "params");
  const bool automatic =
      child(preprocess, "method") && preprocess["method"].as<std::string>().starts_with("auto");
  const YAML::Node group = inputs[name];
  if (!group || !group["vars"] || !group["vars"].IsSequence()) {
    fail(path,
         fmt::format("inputs.{}.vars is missing; it lists the variables of this group", name));
  }
  std::vector<Variable> variables;
  for (const YAML::Node& node : group["vars"]) {
    variables.push_back(
        checked_variable(node, automatic, "inputs." + name + ".vars", variables.size(), path));
    if (params) {
      take_numbers(params, variables.back(), path);
    }
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
    const Variable channel = checked_variable(channels[c], false, "images.channels", c, path);
    if (channel.automatic) {
      fail(path, "images.channels: auto is of jets alone; give numbers");
    }
    config.features.insert(config.features.end(),
                           static_cast<std::size_t>(config.image[1] * config.image[2]), channel);
  }
  config.length = 1;
}

void read_labels(const YAML::Node& labels, DataConfig& config, const std::filesystem::path& path) {
  constexpr std::string_view prefix = "label_";
  if (!labels["value"] || !labels["value"].IsSequence()) {
    fail(path, "labels.value must list one label_<class> a class (type: simple)");
  }
  for (const auto& label : labels["value"].as<std::vector<std::string>>()) {
    const bool named = label.starts_with(prefix);
    if (!named && !label.starts_with("jet_") && label != "label" &&
        config.defined(label) == nullptr) {
      fail(path, fmt::format("labels.value names '{}'; expected label_<class>, with a class that "
                             "the jet file names, or a new variable made of such",
                             label));
    }
    config.labels.emplace_back(label);
    config.classes.push_back(named ? label.substr(prefix.size()) : label);
  }
}

std::vector<double> rising(const YAML::Node& edges, const std::string& key,
                           const std::filesystem::path& path) {
  auto numbers = edges.IsSequence() ? edges.as<std::vector<double>>() : std::vector<double>();
  if (numbers.size() < 2 ||
      std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) != numbers.end()) {
    fail(path, fmt::format("{} must list two or more rising edges of bins", key));
  }
  return numbers;
}

Weights read_weights(const YAML::Node& node, const std::filesystem::path& path) {
  for (const auto& item : node) {
    if (const auto key = item.first.as<std::string>();
        std::find(weights_keys.begin(), weights_keys.end(), key) == weights_keys.end()) {
      throw_unknown("key", key, "weights", weights_keys);
    }
  }
  Weights weights;
  if (value_or(node, "use_precomputed_weights", false)) {
    for (const YAML::Node& branch : child(node, "weight_branches")) {
      weights.factors.emplace_back(branch.as<std::string>());
    }
    if (weights.factors.empty()) {
      fail(path, "weights: use_precomputed_weights needs weight_branches; name them");
    }
    return weights;
  }
  constexpr std::array methods{"flat", "ref"};
  const auto method = value_or(node, "reweight_method", std::string("flat"));
  if (std::find(methods.begin(), methods.end(), method) == methods.end()) {
    throw_unknown("reweight_method", method, "weights", methods);
  }
  weights.flat = method == "flat";
  for (const auto& variable : child(node, "reweight_vars")) {
    const auto name = variable.first.as<std::string>();
    weights.bins.push_back(
        {Expression(name), rising(variable.second, "weights.reweight_vars." + name, path)});
  }
  const YAML::Node shares = child(node, "class_weights");
  for (const YAML::Node& name : child(node, "reweight_classes")) {
    const std::size_t c = weights.classes.size();
    weights.classes.emplace_back(Expression(name.as<std::string>()), !shares ? 1.0
                                                                     : c < shares.size()
                                                                         ? shares[c].as<double>()
                                                                         : 0.0);
  }
  if (weights.bins.size() != 2 || weights.classes.empty() ||
      (shares && shares.size() != weights.classes.size()) ||
      std::any_of(weights.classes.begin(), weights.classes.end(),
                  [](const auto& item) { return !(item.second > 0.0); })) {
    fail(path,
         "weights: needs two reweight_vars, reweight_classes and as many positive class_weights; "
         "correct it");
  }
  weights.threshold = value_or(node, "reweight_threshold", weights.threshold);
  if (!(weights.threshold >= 0.0 && weights.threshold <= 100.0)) {
    fail(path, "weights.reweight_threshold is in percent and must lie between 0 and 100");
  }
  weights.discard = value_or(node, "reweight_discard_under_overflow", weights.discard);
  if (const YAML::Node base = child(node, "reweight_basewgt")) {
    weights.base.emplace(base.as<std::string>());
  }
  return weights;
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
  config.file = path;
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
  if (child(root, "bucketing")) {
    fail(path, "bucketing is of no use here, as batches are never padded; remove the key");
  }
  if (const YAML::Node variables = child(root, "new_variables")) {
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
  config.points = read_group(root, "pf_points", 2, path);
  config.features = read_group(root, "pf_features", 0, path);
  config.vectors = read_group(root, "pf_vectors", 4, path);
  if (const YAML::Node length = root["inputs"]["pf_features"]["length"]) {
    config.length = length.as<std::int64_t>();
  }
  if (config.length < 1) {
    fail(path, "inputs.pf_features.length must be at least 1 particle");
  }
  if (const YAML::Node labels = child(root, "labels")) {
    read_labels(labels, config, path);
  }
  if (const YAML::Node selection = child(root, "selection")) {
    config.selection.emplace(selection.as<std::string>());
  }
  config.test_selection = config.selection;
  if (const YAML::Node selection = child(root, "test_time_selection")) {
    config.test_selection.emplace(selection.as<std::string>());
  }
  if (const YAML::Node weights = child(root, "weights")) {
    config.weights = read_weights(weights, path);
  }
  config.automatic_fraction =
      value_or(child(root, "preprocess"), "data_fraction", config.automatic_fraction);
  if (!(config.automatic_fraction > 0.0 && config.automatic_fraction <= 1.0)) {
    fail(path, "preprocess.data_fraction is a share of the jets and must lie in (0, 1]");
  }
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

const Expression* DataConfig::defined(const std::string& name) const {
  const auto found = std::find_if(new_variables.begin(), new_variables.end(),
                                  [&](const auto& item) { return item.first == name; });
  return found == new_variables.end() ? nullptr : &found->second;
}

std::vector<std::string> DataConfig::read_by(std::vector<std::string> names) const {
  // Definitions may use each other: what they read is added until nothing is new.
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (const Expression* expression = defined(names[i])) {
      for (const std::string& read : expression->names()) {
        if (std::find(names.begin(), names.end(), read) == names.end()) {
          names.push_back(read);
        }
      }
    }
  }
  std::erase_if(names, [&](const std::string& name) { return defined(name) != nullptr; });
  return names;
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
  wanted = read_by(wanted);
  if (derive_angles) {
    for (const char* name : {"part_px", "part_py", "part_pz", "jet_eta", "jet_phi"}) {
      want(name);
    }
    std::erase_if(
        wanted, [](const std::string& name) { return name == "part_deta" || name == "part_dphi"; });
  }
  return wanted;
}

bool DataConfig::automatic() const {
  const auto any = [](const std::vector<Variable>& group) {
    return std::any_of(group.begin(), group.end(), [](const Variable& v) { return v.automatic; });
  };
  return any(points) || any(features) || any(vectors);
}

}  // namespace eebench::data
