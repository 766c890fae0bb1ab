#include "eebench/model/quantization.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fnmatch.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/model/linear_sites.hpp"
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
    return (fnmatch(site.c_str(), layer.layer->site().c_str(), 0) == 0 || site == layer.path) &&
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
      const auto make = [&](const std::string& kind, const nn::Operand& operand) {
        std::shared_ptr<nn::Quantizer> quantizer = nn::make_quantizer(kind, operand, rule->where);
        for (const at::Tensor& learned : quantizer->parameters()) {
          if (layer.is_cut() && learned.numel() > 1) {
            throw InputError(fmt::format(
                "{}: '{}' learns a grid for each channel of {}, by parts of whose weight the "
                "network multiplies; take a kind without -per-channel there",
                rule->where, kind, layer.site()));
          }
        }
        return quantizer;
      };
      site.layer->quantize(
          {.weight = make(rule->weight, {.is_weight = true, .channels = layer.out()}),
           .input = make(rule->input, {.is_weight = false, .channels = layer.in()})});
    }
  }
}

}  // namespace eebench::model
