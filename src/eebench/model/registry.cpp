#include "eebench/model/registry.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/model/part/part.hpp"
#include "eebench/model/particlenet/particlenet.hpp"
#include "eebench/sys/files.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::model {
namespace {

constexpr std::array entries{
    ModelEntry{"part", "Particle Transformer v1, JetClass configuration, 2.1 M parameters"},
    ModelEntry{"part-small", "Particle Transformer at about a seventh of the cost"},
    ModelEntry{"particlenet", "ParticleNet, JetClass configuration, 370 k parameters"},
    ModelEntry{"particlenet-lite",
               "ParticleNet at about a fourteenth of the cost, kinematic inputs"},
};

/// Reads the keys of one table and, at the end, refuses those that nobody read.
class Settings {
 public:
  Settings(const toml::table& root, const std::string& name, std::string where)
      : table_(name.empty() ? &root : root[name].as_table()),
        name_(name),
        where_(std::move(where)) {}

  template <class T>
  void read(const std::string& key, T& value) {
    known_.push_back(key);
    if (table_ != nullptr && table_->contains(key)) {
      convert(*table_->get(key), key, value);
    }
  }

  void ignore(const std::string& key) { known_.push_back(key); }

  void finish() const {
    if (table_ == nullptr) {
      return;
    }
    for (const auto& [key, value] : *table_) {
      if (std::find(known_.begin(), known_.end(), std::string(key.str())) == known_.end()) {
        throw_unknown(name_.empty() ? "key" : fmt::format("key of [{}]", name_), key.str(),
                      fmt::format("{}, line {}", where_, value.source().begin.line), known_);
      }
    }
  }

 private:
  [[noreturn]] void wrong(const toml::node& node, const std::string& key,
                          const std::string& kind) const {
    throw InputError(
        fmt::format("{}, line {}: '{}' must be {}", where_, node.source().begin.line, key, kind));
  }
  void convert(const toml::node& node, const std::string& key, std::int64_t& value) const {
    if (!node.is_integer()) {
      wrong(node, key, "an integer");
    }
    value = *node.value<std::int64_t>();
  }
  void convert(const toml::node& node, const std::string& key, double& value) const {
    if (!node.is_number()) {
      wrong(node, key, "a number");
    }
    value = *node.value<double>();
  }
  void convert(const toml::node& node, const std::string& key, bool& value) const {
    if (!node.is_boolean()) {
      wrong(node, key, "true or false");
    }
    value = *node.value<bool>();
  }
  void convert(const toml::node& node, const std::string& key, std::string& value) const {
    if (!node.is_string()) {
      wrong(node, key, "a text");
    }
    value = *node.value<std::string>();
  }
  template <class T>
  void convert(const toml::node& node, const std::string& key, std::vector<T>& values) const {
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      wrong(node, key, "a list");
    }
    values.assign(array->size(), T{});
    for (std::size_t i = 0; i < values.size(); ++i) {
      convert(*array->get(i), key, values[i]);
    }
  }

  const toml::table* table_;
  std::string name_;
  std::string where_;
  std::vector<std::string> known_;
};

std::unique_ptr<Network> part_from(const ModelConfig& config, std::int64_t features,
                                   std::int64_t classes) {
  PartConfig part{.features = features, .classes = classes};
  Settings network(config.table, "network", config.where);
  network.read("embed", part.embed);
  network.read("pair_embed", part.pair_embed);
  network.read("heads", part.heads);
  network.read("layers", part.layers);
  network.read("class_layers", part.class_layers);
  network.read("ffn_ratio", part.ffn_ratio);
  network.read("dropout", part.dropout);
  std::string layout = part.legacy_heads ? "legacy" : "v05";
  network.read("head_layout", layout);
  network.finish();
  if (layout != "legacy" && layout != "v05") {
    throw InputError(fmt::format("{}: network.head_layout = '{}' is neither 'legacy' nor 'v05'",
                                 config.where, layout));
  }
  part.legacy_heads = layout == "legacy";
  Settings exits(config.table, "exits", config.where);
  exits.read("after", part.exits_after);
  exits.read("head", part.exit_head);
  exits.read("width", part.exit_width);
  exits.finish();
  return make_part(part);
}

std::unique_ptr<Network> particlenet_from(const ModelConfig& config, std::int64_t features,
                                          std::int64_t classes) {
  ParticleNetConfig particlenet{.features = features, .classes = classes};
  Settings network(config.table, "network", config.where);
  network.read("k", particlenet.k);
  network.read("blocks", particlenet.blocks);
  network.read("fc", particlenet.fc);
  network.read("dropout", particlenet.dropout);
  network.finish();
  Settings exits(config.table, "exits", config.where);
  exits.read("after", particlenet.exits_after);
  exits.read("particle_widths", particlenet.exit_particle_widths);
  exits.read("width", particlenet.exit_width);
  exits.finish();
  return make_particlenet(particlenet);
}

std::string print(const toml::table& table) {
  std::ostringstream out;
  out << table;
  return out.str();
}

ModelConfig from_table(toml::table table, const std::filesystem::path& where) {
  ModelConfig config{.name = table["name"].value_or(where.stem().string()),
                     .features = "full",
                     .table = std::move(table),
                     .where = where.string()};
  Settings(config.table, "", config.where).read("features", config.features);
  return config;
}

}  // namespace

std::span<const ModelEntry> model_registry() { return entries; }

std::string ModelConfig::text() const {
  toml::table complete = table;
  complete.insert_or_assign("name", name);
  complete.insert_or_assign("features", features);
  return print(complete);
}

std::string network_sha256(const ModelConfig& config) {
  toml::table network = config.table;
  network.erase("name");
  network.erase("train");
  network.insert_or_assign("features", config.features);
  return sha256(print(network));
}

ModelConfig parse_model_config(const std::string& text, const std::string& where) try {
  return from_table(toml::parse(text, where), where);
} catch (const toml::parse_error& error) {
  throw InputError(
      fmt::format("{}, line {}: {}", where, error.source().begin.line, error.description()));
}

ModelConfig load_model_config(const std::string& name_or_path) {
  const bool known = std::any_of(entries.begin(), entries.end(), [&](const ModelEntry& entry) {
    return entry.name == name_or_path;
  });
  std::filesystem::path path = name_or_path;
  if (known) {
    path = sys::find_resource("configs/models/" + name_or_path + ".toml");
  } else if (path.extension() == ".toml" || path.has_parent_path()) {
    sys::check_is_file(path);
  } else if (!std::filesystem::is_regular_file(path)) {
    std::vector<std::string_view> names;
    for (const ModelEntry& entry : entries) {
      names.push_back(entry.name);
    }
    throw_unknown("model", name_or_path, "", names);
  }
  try {
    return from_table(toml::parse_file(path.string()), path);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}, line {}: not TOML there ({}); correct that line",
                                 path.string(), error.source().begin.line, error.description()));
  }
}

std::unique_ptr<Network> make_network(const ModelConfig& config, std::int64_t features) {
  std::string kind;
  std::string unused;
  std::int64_t classes = 10;
  Settings root(config.table, "", config.where);
  root.read("kind", kind);
  root.read("classes", classes);
  for (const char* key : {"name", "features", "network", "exits", "train"}) {
    root.ignore(key);
  }
  root.finish();
  if (kind == "part") {
    return part_from(config, features, classes);
  }
  if (kind == "particlenet") {
    return particlenet_from(config, features, classes);
  }
  throw_unknown("kind of network", kind, config.where, std::array{"part", "particlenet"});
}

}  // namespace eebench::model
