#include "eebench/sys/energy.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>

#include <fmt/format.h>

namespace eebench::sys {
namespace {

std::string word_of(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::string word;
  stream >> word;
  return word;
}

std::optional<std::uint64_t> number_of(const std::filesystem::path& path) {
  std::ifstream stream(path);
  std::uint64_t number = 0;
  return stream >> number ? std::optional(number) : std::nullopt;
}

}  // namespace

EnergyMeter::EnergyMeter(const std::filesystem::path& powercap) {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(powercap, error)) {
    folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  std::string unreadable;
  for (const std::filesystem::path& folder : folders) {
    const std::string name = word_of(folder / "name");
    if (!name.starts_with("package") && name != "dram") {
      continue;  // core and uncore are parts of a package, psys is the whole board
    }
    const std::filesystem::path counter = folder / "energy_uj";
    const auto range = number_of(folder / "max_energy_range_uj");
    const auto now = number_of(counter);
    if (!range || !now) {
      unreadable = counter.string();
      continue;
    }
    domains_.push_back({counter, *range, *now});
    what_ += (what_.empty() ? "" : ", ") + name;
  }
  if (domains_.empty()) {
    what_ = unreadable.empty()
                ? fmt::format("absent: {} has no package with a counter", powercap.string())
                : fmt::format("absent: {} may not be read", unreadable);
  }
}

double EnergyMeter::joules() {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  constexpr double joules_per_count = 1e-6;
  double sum = domains_.empty() ? nothing : 0.0;
  for (Domain& domain : domains_) {
    const auto now = number_of(domain.counter);
    if (!now) {
      return nothing;
    }
    const std::uint64_t drawn =
        *now >= domain.last ? *now - domain.last : domain.range - domain.last + *now;
    domain.last = *now;
    sum += joules_per_count * static_cast<double>(drawn);
  }
  return sum;
}

}  // namespace eebench::sys
