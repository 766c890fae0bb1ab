#include "eebench/train/parameter_names.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace eebench::train {
namespace {

bool lies_in(std::string_view module, std::string_view item) {
  return item.starts_with(module) && (item.size() == module.size() || item[module.size()] == '.');
}

}  // namespace

bool names(std::string_view setting, std::string_view item) {
  return setting == "backbone" ? !lies_in("exits", item) : lies_in(setting, item);
}

bool frozen(std::string_view item, const Settings& settings) {
  return std::any_of(settings.freeze.begin(), settings.freeze.end(),
                     [&](const std::string& setting) { return names(setting, item); });
}

double lr_factor(std::string_view parameter, const Settings& settings) {
  double factor = 1.0;
  std::size_t longest = 0;
  for (const auto& [setting, value] : settings.lr_factors) {
    // "backbone" is the coarsest of all names.
    const std::size_t length = setting == "backbone" ? 1 : 1 + setting.size();
    if (names(setting, parameter) && length > longest) {
      factor = value;
      longest = length;
    }
  }
  return factor;
}

}  // namespace eebench::train
