#include "eebench/core/error.hpp"
#include "eebench/model/pelican/pelican.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {

std::unique_ptr<Network> pelican_nano_from(const ModelConfig& config, std::int64_t,
                                           std::int64_t classes) {
  PelicanNanoConfig nano;
  Settings network(config, "network");
  network.read("n_hidden", nano.n_hidden);
  network.read("nobj", nano.nobj);
  network.read("nobj_avg", nano.sums.nobj_avg);
  network.read("beams", nano.beams);
  network.read("config", nano.sums.config);
  network.read("config_out", nano.sums.config_out);
  network.read("factorize", nano.factorize);
  network.read("batchnorm", nano.batchnorm);
  network.read("dropout", nano.dropout);
  network.read("dropout_out", nano.dropout_out);
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
  network.read("nobj", pelican.nobj);
  network.read("nobj_avg", pelican.sums.nobj_avg);
  network.read("stabilizer", pelican.stabilizer);
  network.read("method", pelican.method);
  network.read("scalar_channels", pelican.scalar_channels);
  network.read("m_channels", pelican.m_channels);
  network.read("channels_2to2", pelican.channels_2to2);
  network.read("m_out", pelican.m_out);
  network.read("out", pelican.out);
  network.read("config", pelican.sums.config);
  network.read("config_out", pelican.sums.config_out);
  network.read("factorize", pelican.factorize);
  network.read("batchnorm", pelican.batchnorm);
  network.read("dropout", pelican.dropout);
  network.read("dropout_out", pelican.dropout_out);
  network.finish();
  Settings exits(config, "exits");
  exits.read("after", pelican.exits_after);
  exits.finish();
  return make_pelican(pelican);
}

}  // namespace eebench::model
