// A campaign of networks made of formulas, for tests of what crashes leave behind and as an example
// of the file format:
//     fake_campaign run FOLDER [--slow]     begins or resumes
//     fake_campaign compare A B             exit status 0 where two task files differ in times only
#include <cstring>
#include <iostream>

#include "eebench/bench/campaign.hpp"
#include "eebench/comm/mpi_session.hpp"
#include "eebench/core/error.hpp"
#include "tests/bench/fake_subject.hpp"
#include "tests/bench/same_but_times.hpp"

namespace {

using namespace eebench;

constexpr const char* suite_text = R"(
name = "fake"
sentence = "Networks made of formulas"
data = "none.h5"
jets = 2000
run_jets = 500
[models.part-small]
weights = "a.h5"
[models.particlenet]
weights = "b.h5"
[axes]
rule = ["confidence", "margin"]
threshold = [0.5, 0.7, 0.8, 0.9, 0.95, [0.95, 0.6]]
batch = [1, 64]
scenario = ["offline"]
[choose]
data = "others.h5"
loss = [0.01]
)";

bench::Subject open(const bench::ModelEntry& model, bool slow) {
  test::FakeExecutor::Settings settings;
  const bool deep = model.name == "particlenet";
  settings.flip_share = 0.002;
  settings.seconds_per_jet = slow ? (deep ? 3e-3 : 5e-4) : 2e-4;
  bench::Subject subject = test::fake_subject(settings, 2000);
  subject.weights_sha256 += model.name;
  return subject;
}

int run(const std::filesystem::path& folder, bool slow) {
  const comm::Communicator comm = comm::Communicator::world();
  std::vector<std::string> overrides = {"effort=quick"};
  if (!slow) {
    overrides = {"effort=smoke", "jets=400", "threshold=[0.5,0.9]", "run_jets=200"};
  }
  const bench::Suite suite = bench::parse_suite(suite_text, "fake", "/", overrides);
  bench::Hooks hooks;
  hooks.sync_seconds = slow ? 5.0 : 0.02;  // so that kills fall between journaled points
  hooks.open = [&](const bench::ModelEntry& model, const bench::Suite&) {
    return open(model, slow);
  };
  hooks.on_point = [&](const bench::Standing& standing) {
    if (comm.is_root()) {
      std::cerr << standing.done << '/' << standing.points << '\n';
    }
  };
  const bench::Attributes provenance = {{"eebench_version", std::string("0.1.0")},
                                        {"git_sha", std::string("unknown")},
                                        {"suite", suite.name},
                                        {"campaign", std::string("fake")},
                                        {"config_toml", bench::to_toml(suite)},
                                        {"effort", suite.effort},
                                        {"seed", std::int64_t{1}},
                                        {"start_utc", std::string("2026-01-01T00:00:00Z")},
                                        {"cpu", std::string("made up")},
                                        {"device", suite.device},
                                        {"mpi_size", std::int64_t{comm.size()}},
                                        {"cores", std::int64_t{2}},
                                        {"threads_per_rank", std::int64_t{1}},
                                        {"oversubscribed", std::int64_t{comm.size() > 2 ? 1 : 0}},
                                        {"data", std::string("none.h5")}};
  bench::run_campaign(comm, suite, {folder}, true, provenance, hooks);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const comm::MpiSession session(argc, argv);
  const std::string command = argc > 2 ? argv[1] : "";
  if (command == "run") {
    return run(argv[2], argc > 3 && std::strcmp(argv[3], "--slow") == 0);
  }
  if (command == "compare" && argc > 3) {
    const std::string difference = test::difference_but_times(argv[2], argv[3]);
    std::cout << difference << '\n';
    return difference.empty() ? 0 : 1;
  }
  std::cerr << "fake_campaign run FOLDER [--slow] | compare A B\n";
  return 2;
}
