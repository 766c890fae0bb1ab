#include "eebench/sys/energy.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>

#include <dlfcn.h>
#include <fmt/format.h>

namespace eebench::sys {
namespace {

template <class T>
std::optional<T> read_one(const std::filesystem::path& path) {
  std::ifstream stream(path);
  T value{};
  return stream >> value ? std::optional(value) : std::nullopt;
}

/// Entry `place` of CUDA_VISIBLE_DEVICES; without that variable the number itself.
std::string visible_device(int place) {
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr) {
    return std::to_string(place);
  }
  std::istringstream list(visible);
  std::string entry;
  for (int i = 0; i <= place; ++i) {
    if (!std::getline(list, entry, ',')) {
      return "";
    }
  }
  return entry;
}

template <class Function>
Function function_of(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

}  // namespace

EnergyMeter::EnergyMeter(const EnergyOf& of) : is_asked_(of.node || of.gpu) {
  if (of.node) {
    add_node(of.powercap);
  }
  if (of.gpu) {
    add_gpu(*of.gpu, of.nvml);
  }
  if (!absent_.empty()) {
    what_ += (what_.empty() ? "absent: " : "; absent: ") + absent_;
  }
}

void EnergyMeter::add(const std::string& name, Counter counter) {
  if (const auto now = counter.range > 0 ? counter.read() : std::nullopt) {
    counter.last = *now;
    counters_.push_back(std::move(counter));
    what_ += (what_.empty() ? "" : ", ") + name;
  } else {
    absent_ = fmt::format("the counter of {} may not be read", name);
  }
}

void EnergyMeter::add_node(const std::filesystem::path& powercap) {
  std::vector<std::filesystem::path> folders;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(powercap, error)) {
    folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  for (const std::filesystem::path& folder : folders) {
    const std::string name = read_one<std::string>(folder / "name").value_or("");
    // Core and uncore are parts of a package, psys is the whole board, mmio a package once more.
    const bool is_again = folder.filename().string().find("mmio") != std::string::npos;
    if (!is_again && (name.starts_with("package") || name == "dram")) {
      constexpr double microjoule = 1e-6;
      add(name,
          {[=] { return read_one<std::uint64_t>(folder / "energy_uj"); },
           read_one<std::uint64_t>(folder / "max_energy_range_uj").value_or(0), microjoule, 0});
    }
  }
  if (counters_.empty() && absent_.empty()) {
    absent_ = fmt::format("{} has no package with a counter", powercap.string());
  }
}

void EnergyMeter::add_gpu(int place, const std::string& library) {
  using Device = void*;
  void* const nvml = dlopen(library.c_str(), RTLD_NOW);  // for as long as the program runs
  if (nvml == nullptr) {
    absent_ = library + " is not there";
    return;
  }
  const auto init = function_of<int (*)()>(nvml, "nvmlInit_v2");
  const auto by_index =
      function_of<int (*)(unsigned, Device*)>(nvml, "nvmlDeviceGetHandleByIndex_v2");
  const auto by_uuid =
      function_of<int (*)(const char*, Device*)>(nvml, "nvmlDeviceGetHandleByUUID");
  const auto energy = function_of<int (*)(Device, unsigned long long*)>(
      nvml, "nvmlDeviceGetTotalEnergyConsumption");
  const std::string entry = visible_device(place);
  const bool is_number =
      !entry.empty() && entry.find_first_not_of("0123456789") == std::string::npos;
  Device device = nullptr;
  const bool found = init != nullptr && by_index != nullptr && by_uuid != nullptr &&
                     energy != nullptr && init() == 0 &&
                     (is_number ? by_index(static_cast<unsigned>(std::stoul(entry)), &device)
                                : by_uuid(entry.c_str(), &device)) == 0;
  if (!found) {
    absent_ = fmt::format("{} does not know GPU '{}'", library, entry);
    return;
  }
  constexpr double millijoule = 1e-3;
  add("GPU", {[=]() -> std::optional<std::uint64_t> {
                unsigned long long count = 0;
                return energy(device, &count) == 0 ? std::optional<std::uint64_t>(count)
                                                   : std::nullopt;
              },
              std::numeric_limits<std::uint64_t>::max(), millijoule, 0});
}

double EnergyMeter::joules() {
  constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
  double sum = counters_.empty() && is_asked_ ? nothing : 0.0;
  for (Counter& counter : counters_) {
    const auto now = counter.read();
    if (!now) {
      return nothing;
    }
    const std::uint64_t drawn =
        *now >= counter.last ? *now - counter.last : counter.range - counter.last + *now;
    counter.last = *now;
    sum += counter.unit * static_cast<double>(drawn);
  }
  return sum;
}

}  // namespace eebench::sys
