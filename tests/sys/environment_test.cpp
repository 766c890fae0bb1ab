#include "eebench/sys/environment.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/sys/timer.hpp"

using namespace eebench;

TEST_CASE("Only variables that steer a measurement are recorded") {
  const std::array<std::string_view, 9> entries{"OMP_NUM_THREADS=1",
                                                "API_TOKEN=secret",
                                                "SLURM_JOB_ID=7",
                                                "SLURM_JWT=secret",
                                                "NCCL_DEBUG=WARN=1",
                                                "HOME=/home/someone",
                                                "OMP_BROKEN",
                                                "OMPI_MCA_orte_hnp_uri=7.0;tcp://10.0.0.1",
                                                "OMPI_MCA_initial_wdir=/home/someone"};
  const sys::Variables expected{
      {"NCCL_DEBUG", "WARN=1"}, {"OMP_NUM_THREADS", "1"}, {"SLURM_JOB_ID", "7"}};
  CHECK(sys::recorded_environment(entries) == expected);
}

TEST_CASE("The machine has a name, cores and memory") {
  const sys::Hardware machine = sys::hardware();
  CHECK_FALSE(machine.host.empty());
  CHECK_FALSE(machine.cpu.empty());
  CHECK_FALSE(machine.processors.empty());
  CHECK(std::is_sorted(machine.processors.begin(), machine.processors.end()));
  CHECK(machine.memory_bytes > 100'000'000);
  CHECK_FALSE(machine.governor.empty());
}

TEST_CASE("The clock runs forward, and its limits are those of a usable clock") {
  const sys::Timer timer;
  const sys::TimerLimits limits = sys::measure_timer();
  CHECK(limits.resolution > 0);
  CHECK(limits.resolution < 1e-3);
  CHECK(limits.overhead > 0);
  CHECK(timer.seconds() >= 20000 * limits.overhead);
}

TEST_CASE("Times are written as UTC in ISO 8601") {
  const std::string now = sys::utc_now();
  const std::string shape = "dddd-dd-ddTdd:dd:ddZ";
  REQUIRE(now.size() == shape.size());
  for (std::size_t i = 0; i < now.size(); ++i) {
    CHECK((shape[i] == 'd' ? now[i] >= '0' && now[i] <= '9' : now[i] == shape[i]));
  }
}

TEST_CASE("bytes that are read are counted") {
  const double before = sys::bytes_read();
  std::ifstream stream("/proc/self/exe", std::ios::binary);
  std::vector<char> bytes(100'000);
  stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  const double read = sys::bytes_read() - before;
  CHECK(read >= 100'000.0);
  CHECK(read < 200'000.0);
  CHECK(sys::load_average() >= 0.0);
}
