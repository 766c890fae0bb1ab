#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "eebench/cli/doctor_findings.hpp"
#include "eebench/comm/library.hpp"
#include "eebench/comm/node_cores.hpp"
#include "eebench/sys/environment.hpp"
#include "eebench/sys/timer.hpp"

namespace eebench::cli {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Finding look_at_mpi(const comm::Communicator& comm) {
  const std::string fact = fmt::format("{}, {} rank(s)", comm::mpi_library(), comm.size());
  if (geteuid() == 0 && variable("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM").empty()) {
    return {Level::notice, "MPI", fact,
            "mpirun of Open MPI refuses to start as root: export OMPI_ALLOW_RUN_AS_ROOT=1 "
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
  }
  return {Level::fine, "MPI", fact};
}

Finding look_at_slots(const comm::Communicator& comm, int cores, const std::string& cpu) {
  const std::string slots =
      variable("OMPI_UNIVERSE_SIZE");  // what mpirun was granted, here and elsewhere
  const std::string fact =
      fmt::format("{} rank(s) on this node, {} core(s): {}{}", comm.local_size(), cores, cpu,
                  slots.empty() ? "" : ", slots: " + slots);
  if (comm.local_size() > cores) {
    return {Level::notice, "cores", fact,
            "more ranks than cores: results work, times do not scale and are marked; start at most "
            "one rank per core for measurements"};
  }
  if (variable("OMPI_MCA_rmaps_base_oversubscribe").empty()) {
    return {Level::notice, "cores", fact,
            fmt::format("to start more than {} ranks: mpirun --oversubscribe --bind-to none, or "
                        "export OMPI_MCA_rmaps_base_oversubscribe=1",
                        cores)};
  }
  return {Level::fine, "cores", fact};
}

Finding look_at_load(int cores) {
  const double load = sys::load_average();
  const std::string fact = fmt::format("load {:.1f} on {} core(s)", load, cores);
  if (load > 0.5 * cores) {
    return {Level::notice, "load", fact,
            "other work ran here in the last minute: wait for it to end before you measure"};
  }
  return {Level::fine, "load", fact};
}

Finding look_at_threads(const comm::Communicator& comm, int cores) {
  const std::string threads = variable("OMP_NUM_THREADS");
  if (threads.empty()) {
    return {Level::notice, "threads", "OMP_NUM_THREADS is not set",
            fmt::format("every rank would use all {} core(s): export OMP_NUM_THREADS=1, or cores "
                        "divided by ranks per node",
                        cores)};
  }
  const int each = std::atoi(threads.c_str());
  if (each < 1) {
    return {Level::notice, "threads", fmt::format("OMP_NUM_THREADS={}", threads),
            "that is no number of threads: export OMP_NUM_THREADS=1"};
  }
  if (each * comm.local_size() > cores) {
    return {
        Level::notice, "threads",
        fmt::format("{} thread(s) in each of {} rank(s)", threads, comm.local_size()),
        fmt::format("more threads than the {} core(s): lower OMP_NUM_THREADS or the ranks", cores)};
  }
  return {Level::fine, "threads", fmt::format("OMP_NUM_THREADS={}", threads)};
}

Finding look_at_openmp() {
  std::set<std::string> libraries;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto path = line.find('/');
    if (path == std::string::npos) {
      continue;
    }
    const std::string name = std::filesystem::path(line.substr(path)).filename().string();
    if (name.starts_with("libgomp") || name.starts_with("libiomp") || name.starts_with("libomp")) {
      libraries.insert(line.substr(path));
    }
  }
  const std::string fact = fmt::format("{} OpenMP runtime(s) loaded", libraries.size());
  if (libraries.size() > 1) {
    return {
        Level::notice, "OpenMP", fact,
        fmt::format("two runtimes make two thread pools that fight for cores ({}); build without "
                    "-fopenmp, so that only LibTorch's own is loaded",
                    fmt::join(libraries, ", "))};
  }
  return {Level::fine, "OpenMP", fact};
}

Finding look_at_clock(const sys::Hardware& machine) {
  const sys::TimerLimits clock = sys::measure_timer();
  return {Level::fine, "clock",
          fmt::format("resolution {:.0f} ns, a reading costs {:.0f} ns; frequency governor {}",
                      clock.resolution * 1e9, clock.overhead * 1e9, machine.governor)};
}

}  // namespace

std::vector<Finding> look_at_processes(const comm::Communicator& comm) {
  const sys::Hardware machine = sys::hardware();
  const int cores = comm::node_cores(comm, machine.host, machine.processors);
  return {look_at_mpi(comm),
          look_at_slots(comm, cores, machine.cpu),
          look_at_load(cores),
          look_at_threads(comm, cores),
          look_at_openmp(),
          {Level::fine, "arithmetic", fmt::format("{}", fmt::join(machine.instruction_sets, " "))},
          {Level::fine, "memory",
           fmt::format("{:.1f} GiB", static_cast<double>(machine.memory_bytes) / 0x1p30)},
          look_at_clock(machine)};
}

}  // namespace eebench::cli
