#include "eebench/model/linear_sites.hpp"

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::model {

std::vector<LinearSite> linear_sites(const Network& network) {
  std::vector<LinearSite> sites;
  for (const auto& module : network.named_modules("", false)) {
    if (auto* layer = module.value()->as<nn::LinearImpl>()) {
      const std::string parameter = layer->named_parameters(/*recurse=*/false).front().key();
      sites.push_back({module.key(), network.segment_of(module.key() + "." + parameter), layer});
    }
  }
  return sites;
}

bool is_quantized(const Network& network, const std::string& where) {
  bool any = false;
  for (const LinearSite& site : linear_sites(network)) {
    if (const nn::Quantizers& quantizers = site.layer->quantizers()) {
      any = true;
      if (!quantizers.input->has_range()) {
        throw InputError(
            fmt::format("{}: the input of {} has no range; begin with weights of eebench quantize",
                        where, site.path));
      }
    }
  }
  return any;
}

Integers use_integers(const Network& network) {
  Integers layers;
  for (const LinearSite& site : linear_sites(network)) {
    if (site.layer->quantizers()) {
      ++layers.quantized;
      layers.can += nn::fits_int8(site.layer->matrix(), site.layer->quantizers()) ? 1 : 0;
      site.layer->use_integers();
    }
  }
  return layers;
}

}  // namespace eebench::model
