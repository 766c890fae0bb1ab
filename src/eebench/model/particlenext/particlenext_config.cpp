#include "eebench/model/particlenext/particlenext.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {

std::unique_ptr<Network> particlenext_from(const ModelConfig& config, std::int64_t features,
                                           std::int64_t classes) {
  ParticleNeXtConfig particlenext{.features = features, .classes = classes};
  Settings network(config, "network");
  network.read("node", particlenext.node);
  network.read("edge", particlenext.edge);
  network.read("message", particlenext.message);
  network.read("slices", particlenext.slices);
  network.read("layers", particlenext.layers);
  network.read("edge_maps", particlenext.edge_maps);
  network.read("jet_maps", particlenext.jet_maps);
  network.read("fc", particlenext.fc);
  network.read("dropout", particlenext.dropout);
  network.finish();
  Settings exits(config, "exits");
  exits.read("after", particlenext.exits_after);
  exits.read("particle_widths", particlenext.exit_particle_widths);
  exits.read("width", particlenext.exit_width);
  exits.finish();
  return make_particlenext(particlenext);
}

}  // namespace eebench::model
