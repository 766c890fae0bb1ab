#include "eebench/model/pcnn/pcnn.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {

std::unique_ptr<Network> pcnn_from(const ModelConfig& config, std::int64_t features,
                                   std::int64_t classes) {
  PcnnConfig pcnn{.features = features, .classes = classes};
  Settings network(config, "network");
  network.read("first", pcnn.first);
  network.read("stages", pcnn.stages);
  network.read("fc", pcnn.fc);
  network.read("dropout", pcnn.dropout);
  network.finish();
  Settings exits(config, "exits");
  exits.read("after", pcnn.exits_after);
  exits.read("width", pcnn.exit_width);
  exits.finish();
  return make_pcnn(pcnn);
}

}  // namespace eebench::model
