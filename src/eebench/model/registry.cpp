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
#include "eebench/model/particlenext/particlenext.hpp"
#include "eebench/model/pcnn/pcnn.hpp"
#include "eebench/model/pelican/pelican.hpp"
#include "eebench/model/pfn/pfn.hpp"
#include "eebench/model/quantization.hpp"
#include "eebench/model/sequential/sequential.hpp"
#include "eebench/model/settings.hpp"
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
    ModelEntry{"pfn", "Particle Flow Network, JetClass configuration, 86 k parameters"},
    ModelEntry{"p-cnn", "P-CNN, ResNet along the ordered particles, JetClass, 355 k parameters"},
    ModelEntry{"pelican", "PELICAN, Lorentz products of pairs, two classes, 48 k parameters"},
    ModelEntry{"pelican-nano", "PELICAN nano, one layer without early exits, two classes"},
    ModelEntry{"particlenext", "ParticleNeXt, weaver-core's defaults, 554 k parameters"},
    ModelEntry{"vgg19", "VGG-19 with BatchNorm for CIFAR-10, a list of layers, 20.6 M parameters"},
    ModelEntry{"resnet20", "ResNet-20 for CIFAR-10, a list of layers, 272 k parameters"},
};

struct Kind {
  std::string_view name;
  std::unique_ptr<Network> (*make)(const ModelConfig& config, std::int64_t features,
                                   std::int64_t classes);
};
constexpr std::array kinds{
    Kind{"part", part_from},
    Kind{"particlenet", particlenet_from},
    Kind{"pelican", pelican_from},
    Kind{"pelican-nano", pelican_nano_from},
    Kind{"particlenext", particlenext_from},
    Kind{"pfn", pfn_from},
    Kind{"p-cnn", pcnn_from},
    Kind{"sequential", sequential_from},
};

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
  Settings(config, "").read("features", config.features);
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
    entry_of(entries, "model", name_or_path);  // throws: it is none of them
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
  Settings root(config, "");
  root.read("kind", kind);
  root.read("classes", classes);
  for (const char* key : {"name", "features", "network", "exits", "train", "quantize"}) {
    root.ignore(key);
  }
  root.finish();
  const Kind& known = entry_of(kinds, "kind of network", kind, config.where);
  try {
    std::unique_ptr<Network> network = known.make(config, features, classes);
    quantize(*network, config);
    return network;
  } catch (const InputError& error) {
    const std::string what = error.what();
    throw InputError(what.find(config.where) == std::string::npos ? config.where + ": " + what
                                                                  : what);
  }
}

}  // namespace eebench::model
