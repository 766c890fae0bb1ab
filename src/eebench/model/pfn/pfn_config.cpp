#include "eebench/model/pfn/pfn.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {

std::unique_ptr<Network> pfn_from(const ModelConfig& config, std::int64_t features,
                                  std::int64_t classes) {
  PfnConfig pfn{.features = features, .classes = classes};
  Settings network(config, "network");
  network.read("phi", pfn.phi);
  network.read("f", pfn.f);
  network.finish();
  Settings exits(config, "exits");
  exits.read("after", pfn.exits_after);
  exits.read("width", pfn.exit_width);
  exits.finish();
  return make_pfn(pfn);
}

}  // namespace eebench::model
