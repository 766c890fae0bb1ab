#include "eebench/sys/energy.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/scratch_dir.hpp"

using Catch::Matchers::Contains;
using eebench::sys::EnergyMeter;

namespace {

void count(const std::filesystem::path& domain, std::uint64_t microjoules) {
  std::ofstream(domain / "energy_uj") << microjoules << '\n';
}

std::filesystem::path domain(const std::filesystem::path& powercap, const std::string& folder,
                             const std::string& name) {
  const auto path = powercap / folder;
  std::filesystem::create_directories(path);
  std::ofstream(path / "name") << name << '\n';
  std::ofstream(path / "max_energy_range_uj") << 5'000'000 << '\n';
  count(path, 1'000'000);
  return path;
}

}  // namespace

TEST_CASE("energy is that of packages and memory, and counters may begin again") {
  const eebench::test::ScratchDir powercap;
  const auto package = domain(powercap.path(), "intel-rapl:0", "package-0");
  const auto core = domain(powercap.path(), "intel-rapl:0:0", "core");
  const auto memory = domain(powercap.path(), "intel-rapl:0:1", "dram");
  EnergyMeter meter({.powercap = powercap.path()});
  CHECK(meter.what() == "package-0, dram");
  count(package, 3'500'000);
  count(core, 2'000'000);
  count(memory, 1'250'000);
  CHECK(meter.joules() == Approx(2.75));
  CHECK(meter.joules() == 0.0);
  count(package, 500'000);  // after 5 J it begins at 0
  CHECK(meter.joules() == Approx(2.0));
}

TEST_CASE("where energy cannot be read it is not a number, and it is said why") {
  const eebench::test::ScratchDir powercap;
  EnergyMeter none({.powercap = powercap / "nowhere"});
  CHECK_THAT(none.what(), Contains("absent: ") && Contains("has no package"));
  CHECK(std::isnan(none.joules()));

  const auto package = domain(powercap.path(), "intel-rapl:0", "package-0");
  std::filesystem::remove(package / "energy_uj");
  EnergyMeter unreadable({.powercap = powercap.path()});
  CHECK_THAT(unreadable.what(), Contains("counter of package-0 may not be read"));
  CHECK(std::isnan(unreadable.joules()));

  EnergyMeter no_library({.node = false, .gpu = 0, .nvml = "libnothing.so"});
  CHECK_THAT(no_library.what(), Contains("libnothing.so is not there"));
  CHECK(std::isnan(no_library.joules()));

  EnergyMeter not_asked({.node = false});
  CHECK(not_asked.joules() == 0.0);
}

TEST_CASE("of the GPUs the one that this process uses is read") {
  const auto joules = [](int place) {
    EnergyMeter meter({.node = false, .gpu = place, .nvml = EEBENCH_FAKE_NVML});
    return meter.joules();  // the fake counts on by as much at each reading
  };
  unsetenv("CUDA_VISIBLE_DEVICES");
  CHECK(joules(0) == Approx(1.0));
  CHECK(joules(1) == Approx(2.0));
  CHECK(std::isnan(joules(2)));
  setenv("CUDA_VISIBLE_DEVICES", "1,0", 1);
  CHECK(joules(0) == Approx(2.0));
  CHECK(joules(1) == Approx(1.0));
  setenv("CUDA_VISIBLE_DEVICES", "GPU-8a,0", 1);
  CHECK(joules(0) == Approx(2.0));
  setenv("CUDA_VISIBLE_DEVICES", "MIG-1", 1);
  CHECK(std::isnan(joules(0)));
  unsetenv("CUDA_VISIBLE_DEVICES");
}
