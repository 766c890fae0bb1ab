#include <array>
#include <string_view>

#include "eebench/core/names.hpp"
#include "eebench/model/sequential/sequential.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {
namespace {

std::vector<LayerConfig> read_layers(Settings& parent, const std::string& key);

LayerConfig read_conv(Settings& settings) {
  ConvConfig conv;
  settings.read("out", conv.out);
  settings.read("kernel", conv.kernel);
  settings.read("stride", conv.stride);
  settings.read("padding", conv.padding);
  settings.read("bias", conv.bias);
  return {conv};
}

LayerConfig read_linear(Settings& settings) {
  LinearConfig linear;
  settings.read("out", linear.out);
  settings.read("bias", linear.bias);
  return {linear};
}

template <bool maximum>
LayerConfig read_pool(Settings& settings) {
  PoolConfig pool{.maximum = maximum};
  settings.read("size", pool.size);
  return {pool};
}

LayerConfig read_dropout(Settings& settings) {
  DropoutConfig dropout;
  settings.read("p", dropout.p);
  return {dropout};
}

LayerConfig read_residual(Settings& settings) {
  ResidualConfig residual;
  residual.layers = read_layers(settings, "layers");
  residual.shortcut = read_layers(settings, "shortcut");
  return {residual};
}

template <nn::Activation function>
LayerConfig activation(Settings&) {
  return {ActivationConfig{function}};
}

struct LayerKind {
  std::string_view name;
  LayerConfig (*read)(Settings& settings);
};
constexpr std::array kinds{
    LayerKind{"conv", read_conv},
    LayerKind{"linear", read_linear},
    LayerKind{"norm", [](Settings&) { return LayerConfig{NormConfig{}}; }},
    LayerKind{"relu", activation<nn::Activation::relu>},
    LayerKind{"leaky_relu", activation<nn::Activation::leaky_relu>},
    LayerKind{"gelu", activation<nn::Activation::gelu>},
    LayerKind{"max_pool", read_pool<true>},
    LayerKind{"mean_pool", read_pool<false>},
    LayerKind{"flatten", [](Settings&) { return LayerConfig{FlattenConfig{}}; }},
    LayerKind{"dropout", read_dropout},
    LayerKind{"residual", read_residual},
};

std::vector<LayerConfig> read_layers(Settings& parent, const std::string& key) {
  std::vector<LayerConfig> layers;
  for (Settings& settings : parent.tables(key)) {
    std::string kind;
    settings.read("kind", kind);
    layers.push_back(entry_of(kinds, "kind of layer", kind, settings.place()).read(settings));
    settings.finish();
  }
  return layers;
}

}  // namespace

std::unique_ptr<Network> sequential_from(const ModelConfig& config, std::int64_t features,
                                         std::int64_t classes) {
  SequentialConfig sequential{.features = features, .classes = classes};
  Settings network(config, "network");
  network.read("input", sequential.input);
  sequential.layers = read_layers(network, "layers");
  sequential.classifier = read_layers(network, "classifier");
  network.finish();
  Settings exits(config, "exits");
  exits.read("after", sequential.exits_after);
  sequential.head = read_layers(exits, "head");
  exits.finish();
  return make_sequential(sequential);
}

}  // namespace eebench::model
