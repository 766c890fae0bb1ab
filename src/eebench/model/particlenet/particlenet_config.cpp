#include "eebench/model/particlenet/particlenet.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {

std::unique_ptr<Network> particlenet_from(const ModelConfig& config, std::int64_t features,
                                          std::int64_t classes) {
  ParticleNetConfig particlenet{.features = features, .classes = classes};
  Settings network(config, "network");
  network.read("k", particlenet.k);
  network.read("blocks", particlenet.blocks);
  network.read("fc", particlenet.fc);
  network.read("dropout", particlenet.dropout);
  network.finish();
  Settings exits(config, "exits");
  exits.read("after", particlenet.exits_after);
  exits.read("particle_widths", particlenet.exit_particle_widths);
  exits.read("width", particlenet.exit_width);
  exits.finish();
  return make_particlenet(particlenet);
}

}  // namespace eebench::model
