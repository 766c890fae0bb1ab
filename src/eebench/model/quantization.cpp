#include "eebench/model/quantization.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fnmatch.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/model/settings.hpp"

namespace eebench::model {
namespace {

/// A row of [[quantize]].
struct Rule {
  std::string site;
  std::vector<std::int64_t> segments;
  std::string weight;
  std::string input;
  std::string where;

  bool names(const LinearSite& layer) const {
    return fnmatch(site.c_str(), layer.layer->site().c_str(), 0) == 0 &&
           (segments.empty() ||
            std::find(segments.begin(), segments.end(), layer.segment) != segments.end());
  }
};

Rule read_rule(Settings& table) {
  Rule rule{.site = "*", .segments = {}, .weight = {}, .input = {}, .where = table.place()};
  table.read("site", rule.site);
  table.read("segments", rule.segments);
  table.read("weight", rule.weight);
  table.read("input", rule.input);
  table.finish();
  if (rule.weight.empty() ||
      (rule.weight == "none") != (rule.input.empty() || rule.input == "none")) {
    throw InputError(fmt::format(
        "{}: [[quantize]] needs quantizers for both weight and input, or \"none\" as weight",
        rule.where));
  }
  return rule;
}

}  // namespace

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

void quantize(const Network& network, const ModelConfig& config) {
  std::vector<Rule> rules;
  for (Settings& table : Settings(config, "").tables("quantize")) {
    rules.push_back(read_rule(table));
  }
  const std::vector<LinearSite> sites = linear_sites(network);
  for (const Rule& rule : rules) {
    if (std::none_of(sites.begin(), sites.end(),
                     [&](const LinearSite& site) { return rule.names(site); })) {
      std::vector<std::string> names;
      for (const LinearSite& site : sites) {
        names.push_back(site.layer->site());
      }
      names.erase(std::unique(names.begin(), names.end()), names.end());
      throw_unknown("site", rule.site, rule.where, names);
    }
  }
  for (const LinearSite& site : sites) {
    const auto rule = std::find_if(rules.rbegin(), rules.rend(),
                                   [&](const Rule& row) { return row.names(site); });
    if (rule != rules.rend() && rule->weight != "none") {
      const nn::LinearImpl& layer = *site.layer;
      site.layer->quantize(
          {.weight = nn::make_quantizer(rule->weight, {.is_weight = true, .channels = layer.out()},
                                        rule->where),
           .input = nn::make_quantizer(rule->input, {.is_weight = false, .channels = layer.in()},
                                       rule->where)});
    }
  }
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
