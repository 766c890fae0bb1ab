#include <string>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/part/part.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {

std::unique_ptr<Network> part_from(const ModelConfig& config, std::int64_t features,
                                   std::int64_t classes) {
  PartConfig part{.features = features, .classes = classes};
  Settings network(config, "network");
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
  Settings exits(config, "exits");
  exits.read("after", part.exits_after);
  exits.read("head", part.exit_head);
  exits.read("width", part.exit_width);
  exits.finish();
  return make_part(part);
}

}  // namespace eebench::model
