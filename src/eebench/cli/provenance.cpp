#include "eebench/cli/provenance.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <torch/version.h>

#include "eebench/comm/library.hpp"
#include "eebench/comm/node_cores.hpp"
#include "eebench/core/build_info.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/version.hpp"
#include "eebench/h5/library.hpp"
#include "eebench/sys/environment.hpp"

namespace eebench::cli {
namespace {

std::string environment() {
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  for (const auto& [name, value] : sys::recorded_environment()) {
    variables[name] = value;
  }
  return variables.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

bool oversubscribed(const comm::Communicator& comm, int threads) {
  const sys::Hardware hardware = sys::hardware();
  const int cores = comm::node_cores(comm, hardware.host, hardware.processors);
  return !comm.all(comm.local_size() * threads <= cores);
}

h5::Attributes provenance(const comm::Communicator& comm, const std::string& command_line,
                          const exec::Settings& settings) {
  const BuildInfo build = build_info();
  const sys::Hardware hardware = sys::hardware();
  const int cores = comm::node_cores(comm, hardware.host, hardware.processors);
  return {
      {"eebench_version", std::string(version)},
      {"git_sha", std::string(build.git_sha)},
      {"git_dirty", std::int64_t{build.git_dirty}},
      {"compiler", std::string(build.compiler)},
      {"build_type", std::string(build.build_type)},
      {"flags", std::string(build.flags)},
      {"libtorch", std::string(TORCH_VERSION)},
      {"hdf5", h5::hdf5_version()},
      {"mpi", comm::mpi_library()},
      {"command_line", comm.broadcast(command_line)},
      {"start_utc", comm.broadcast(sys::utc_now())},
      {"mpi_size", std::int64_t{comm.size()}},
      {"threads_per_rank", std::int64_t{settings.threads}},
      {"cores", comm.all_reduce(std::int64_t{cores}, comm::Reduce::min)},
      {"oversubscribed", std::int64_t{oversubscribed(comm, settings.threads)}},
      {"cpu", comm.broadcast(hardware.cpu)},
      {"load_average", comm.all_reduce(sys::load_average(), comm::Reduce::max)},
      {"governor", comm.broadcast(hardware.governor)},
      {"environment", comm.broadcast(environment())},
      {"device", settings.device},
      {"deterministic", std::int64_t{settings.deterministic}},
  };
}

h5::Attributes provenance(const comm::Communicator& comm, const bench::Suite& suite,
                          const std::string& campaign, const std::string& command_line,
                          int threads) {
  const std::string toml = bench::to_toml(suite);
  h5::Attributes attributes = provenance(
      comm, command_line,
      {.device = suite.device, .deterministic = suite.deterministic, .threads = threads});
  attributes.merge(h5::Attributes{
      {"suite", suite.name},
      {"campaign", campaign},
      {"config_toml", toml},
      {"config_sha256", sha256(toml)},
      {"effort", suite.effort},
      {"seed", static_cast<std::int64_t>(suite.seed)},
      {"data", suite.data.filename().string()},
      {"timer", std::string("steady_clock")},
      {"sync", std::string("device finished before each reading; barrier before each pass")},
      {"rank_reduction", std::string("maximum")},
      {"percentile_definition", std::string("nearest rank; NaN below 11, 64, 662 batches")},
  });
  return attributes;
}

}  // namespace eebench::cli
