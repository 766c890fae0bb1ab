#include "eebench/core/error.hpp"
#include "eebench/model/pelican/pelican.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {
namespace {

/// What both networks have.
template <class Config>
void read_common(Settings& network, Config& config) {
  network.read("nobj", config.nobj);
  network.read("nobj_avg", config.sums.nobj_avg);
  network.read("config", config.sums.config);
  network.read("config_out", config.sums.config_out);
  network.read("factorize", config.factorize);
  network.read("batchnorm", config.batchnorm);
  network.read("dropout", config.dropout);
  network.read("dropout_out", config.dropout_out);
}

}  // namespace

std::unique_ptr<Network> pelican_nano_from(const ModelConfig& config, std::int64_t,
                                           std::int64_t classes) {
  PelicanNanoConfig nano;
  Settings network(config, "network");
  network.read("n_hidden", nano.n_hidden);
  read_common(network, nano);
  network.read("beams", nano.beams);
  network.finish();
  std::vector<std::int64_t> after;
  Settings exits(config, "exits");
  exits.read("after", after);
  exits.finish();
  if (!after.empty()) {
    throw InputError(
        "model configuration: pelican-nano is a single layer, no exit can stand before its end; "
        "remove exits.after");
  }
  if (classes != 2) {
    throw InputError("model configuration: pelican-nano tells two classes apart; set classes = 2");
  }
  return make_pelican_nano(nano);
}

std::unique_ptr<Network> pelican_from(const ModelConfig& config, std::int64_t,
                                      std::int64_t classes) {
  PelicanConfig pelican{.classes = classes};
  Settings network(config, "network");
  read_common(network, pelican);
  network.read("stabilizer", pelican.stabilizer);
  network.read("method", pelican.method);
  network.read("scalar_channels", pelican.scalar_channels);
  network.read("m_channels", pelican.m_channels);
  network.read("channels_2to2", pelican.channels_2to2);
  network.read("m_out", pelican.m_out);
  network.read("out", pelican.out);
  network.finish();
  Settings exits(config, "exits");
  exits.read("after", pelican.exits_after);
  exits.finish();
  return make_pelican(pelican);
}

}  // namespace eebench::model
