#include <cmath>
#include <fstream>

#include <catch2/catch.hpp>

#include "eebench/bench/campaign.hpp"
#include "eebench/bench/merge.hpp"
#include "eebench/bench/recorder.hpp"
#include "eebench/bench/task_reader.hpp"
#include "eebench/core/error.hpp"
#include "tests/bench/fake_subject.hpp"
#include "tests/bench/same_but_times.hpp"
#include "tests/support/shared_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;

namespace {

const std::string suite_text = R"(
name = "fake"
data = "none.h5"
jets = 400
run_jets = 100
effort = "smoke"
[models.small]
weights = "a.h5"
[models.large]
weights = "b.h5"
[axes]
rule = ["confidence", "entropy"]
threshold = [0.6, [0.9, 0.7]]
batch = [1, 32]
scenario = ["offline", "single_stream"]
)";

bench::Suite suite(const std::vector<std::string>& overrides = {}) {
  return bench::parse_suite(suite_text, "fake", "/", overrides);
}

bench::Hooks hooks(double flips = 0.0, std::int64_t failing_jet = -1) {
  bench::Hooks result;
  result.open = [=](const bench::ModelEntry& model, const bench::Suite&) {
    test::FakeExecutor::Settings settings;
    settings.flip_share = flips;
    settings.failing_jet = model.name == "small" ? failing_jet : -1;
    bench::Subject subject = test::fake_subject(settings, 400);
    subject.weights_sha256 = model.name;
    return subject;
  };
  return result;
}

const bench::Attributes provenance = {{"effort", std::string("smoke")},
                                      {"threads_per_rank", std::int64_t{1}},
                                      {"cores", std::int64_t{2}},
                                      {"oversubscribed", std::int64_t{0}}};

/// The message of the InputError that all ranks should see.
template <class Action>
std::string refusal(const Action& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a campaign fills every point, whatever the number of ranks") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  const auto outcome = bench::run_campaign(comm, suite(), folder, false, provenance, hooks());
  CHECK(outcome.points == 2 * 2 * 2 * (3 + 4));
  CHECK(outcome.failed.empty());
  comm.barrier();

  const bench::TaskReader task(folder.task_file());
  for (const std::string& state : task.names("state")) {
    CHECK(state == "ok");
  }
  CHECK(task.length("rank") == static_cast<std::size_t>(comm.size()));
  const auto scenarios = task.names("scenario");
  const auto jets_run = task.values("jets_run");
  const auto replayed = task.values("exit_fraction");
  const auto jets = task.values("jets");
  const auto ids = task.texts("point_id");
  for (std::size_t point = 0; point < task.points(); ++point) {
    CHECK(jets[point] == 400.0);
    CHECK(ids[point].size() == 16);
    CHECK(replayed[3 * point] + replayed[3 * point + 1] + replayed[3 * point + 2] == Approx(1.0));
    if (scenarios[point] == "offline") {
      CHECK(jets_run[point] >= 100.0);
    }
  }
  for (const double flips : task.values("flip_share")) {
    CHECK(flips == 0.0);
  }
  // Baselines pay for one head, rules for every head on the way: counted and by formula.
  const auto run = task.values("multiply_adds_run");
  for (const double multiply_adds : run) {
    CHECK(multiply_adds > 0.0);
  }
  const auto mark_of = [&](const std::string& variable) {
    const h5::File file = h5::File::open(folder.task_file());
    return file.dataset(variable).attribute<std::string>("mark");
  };
  CHECK(mark_of("throughput") == "measured");
  CHECK(mark_of("accuracy") == "replayed");
}

TEST_CASE("jets that lose constituents are counted once, whatever the number of ranks") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::Hooks cutting = hooks();
  cutting.open = [](const bench::ModelEntry&, const bench::Suite&) {
    bench::Subject subject = test::fake_subject({}, 400);
    subject.jets.cut = [](std::int64_t begin, std::int64_t end) {
      std::int64_t cut = 0;
      for (std::int64_t jet = begin; jet < end; ++jet) {
        cut += jet % 10 == 3 ? 1 : 0;
      }
      return cut;
    };
    return subject;
  };
  bench::run_campaign(comm, suite({"scenario=offline", "batch=32", "jets=200"}), folder, false,
                      provenance, cutting);
  comm.barrier();
  CHECK(bench::TaskReader(folder.task_file()).integer_attribute("jets_cut") == 20);
}

TEST_CASE("rules that are fitted run with the gates of their network as they replay") {
  const auto comm = comm::Communicator::world();
  const std::string rule = GENERATE("learned", "lte");
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::Hooks with_gates = hooks();
  with_gates.open = [](const bench::ModelEntry&, const bench::Suite&) {
    bench::Subject subject = test::fake_subject({}, 400);
    subject.fits = test::fake_fits();
    return subject;
  };
  bench::run_campaign(comm, suite({"scenario=offline", "rule=" + rule, "threshold=0.8"}), folder,
                      false, provenance, with_gates);
  comm.barrier();
  const bench::TaskReader task(folder.task_file());
  const auto rules = task.names("rule");
  const auto flips = task.values("flip_share");
  const auto left = task.values("exit_fraction");
  int fitted = 0;
  for (std::size_t point = 0; point < task.points(); ++point) {
    CHECK(flips[point] == 0.0);
    if (rules[point] == rule) {
      ++fitted;
      CHECK(left[3 * point] > 0.1);
      CHECK(left[3 * point + 2] > 0.1);
    }
  }
  CHECK(fitted == 4);
}

TEST_CASE("thresholds chosen on other jets are reported with where they come from") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  const auto chosen = bench::parse_suite(
      suite_text + "[choose]\ndata = \"others.h5\"\njets = 300\nloss = [0.005, 0.05]\n", "fake",
      "/", std::vector<std::string>{"scenario=offline", "batch=32", "model=small"});

  bench::Hooks same_jets = hooks();
  same_jets.open = [](const bench::ModelEntry&, const bench::Suite&) {
    bench::Subject subject = test::fake_subject({}, 400);
    subject.choosing = subject.jets;
    return subject;
  };
  CHECK_THAT(
      refusal([&] { bench::run_campaign(comm, chosen, folder, false, provenance, same_jets); }),
      Contains("others.h5") && Contains("none.h5") && Contains("give other jets"));

  bench::Hooks overlapping = hooks();
  overlapping.open = [](const bench::ModelEntry&, const bench::Suite&) {
    bench::Subject subject = test::fake_subject({}, 400);
    subject.choosing.read = [](std::int64_t begin, std::int64_t end) {
      return test::fake_jets(begin + 350, end + 350);
    };
    return subject;
  };
  bool any_pass = false;
  overlapping.on_stage = [&](const std::string& stage) {
    any_pass = any_pass || stage.find("all exits") != std::string::npos;
  };
  const bench::CampaignFolder other{dir.path() / "overlapping"};
  CHECK_THAT(
      refusal([&] { bench::run_campaign(comm, chosen, other, false, provenance, overlapping); }),
      Contains("50 of the 300 jets of /others.h5") && Contains("give other jets"));
  CHECK_FALSE(any_pass);
  CHECK_FALSE(std::filesystem::exists(other.root));

  const auto outcome = bench::run_campaign(comm, chosen, folder, false, provenance, hooks());
  CHECK(outcome.points == 3 + 2 * (2 + 4));
  comm.barrier();
  const bench::TaskReader task(folder.task_file());
  CHECK(task.attribute("choosing_data") == "others.h5");
  CHECK(task.attribute("choosing_data_sha256") == "other fake jets");
  CHECK(task.attribute("data_sha256") == "fake jets");
  CHECK(task.integer_attribute("choosing_jets") == 300);
  const auto selection = task.names("selection");
  const auto threshold = task.values("threshold");
  const auto thresholds = task.values("thresholds");
  const auto max_loss = task.values("max_loss");
  const auto accuracy = task.values("chosen_accuracy");
  const auto cost = task.values("chosen_cost");
  const auto flips = task.values("flip_share");
  int choices = 0;
  for (std::size_t point = 0; point < task.points(); ++point) {
    const bool is_chosen = selection[point] != "given";
    choices += is_chosen ? 1 : 0;
    CHECK(std::isnan(max_loss[point]) != is_chosen);
    CHECK(std::isnan(accuracy[point]) != is_chosen);
    CHECK(std::isnan(cost[point]) != is_chosen);
    CHECK(flips[point] == 0.0);
    if (is_chosen) {
      CHECK(cost[point] < 1.1);
      CHECK_FALSE(std::isnan(thresholds[3 * point]));
      CHECK_FALSE(std::isnan(thresholds[3 * point + 1]));
      CHECK((selection[point] == "per_exit" || threshold[point] == thresholds[3 * point]));
    }
  }
  CHECK(choices == 8);
}

TEST_CASE("gates that know the jets of the choice are named on the terminal and in the file") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const auto [fitted_on, rule, is_named] = GENERATE(
      table<std::string, std::string, bool>({{"other fake jets", "[confidence, learned]", true},
                                             {"other fake jets", "confidence", false},
                                             {"other fake jets", "lte", true},
                                             {"third jets", "learned", false}}));
  const auto chosen = bench::parse_suite(
      suite_text + "[choose]\ndata = \"others.h5\"\njets = 300\nloss = [0.05]\n", "fake", "/",
      std::vector<std::string>{"scenario=offline", "batch=32", "rule=" + rule});
  bench::Hooks with_gates = hooks();
  with_gates.open = [data = fitted_on](const bench::ModelEntry& model, const bench::Suite&) {
    bench::Subject subject = test::fake_subject({}, 400);
    subject.fits = test::fake_fits();
    subject.gates_data_sha256 = model.name == "large" ? data : "jets of its own";
    return subject;
  };
  std::vector<std::string> lines;
  with_gates.say = [&](const std::string& line) { lines.push_back(line); };
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::run_campaign(comm, chosen, folder, false, provenance, with_gates);
  comm.barrier();
  CHECK(lines.size() == (is_named ? 2 : 1));
  if (is_named) {
    CHECK_THAT(lines.back(), Contains("gates of large were fitted on /others.h5") &&
                                 Contains("biased") && Contains("eebench gates"));
  }
  const bench::TaskReader task(folder.task_file());
  CHECK(task.has_attribute("gates_fitted_on_choosing_data") == is_named);
  if (is_named) {
    CHECK(task.attribute("gates_fitted_on_choosing_data") == "large");
  }
}

TEST_CASE("the share of flips between run and replay is seen") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::run_campaign(comm, suite({"scenario=offline", "run_jets=400"}), folder, false, provenance,
                      hooks(0.2));
  comm.barrier();
  const bench::TaskReader task(folder.task_file());
  const auto rules = task.names("rule");
  const auto flips = task.values("flip_share");
  for (std::size_t point = 0; point < task.points(); ++point) {
    if (rules[point] == "confidence") {
      CHECK(flips[point] > 0.02);
      CHECK(flips[point] < 0.3);
    }
  }
}

TEST_CASE("an error of one rank fails the point on all and leaves the others alone") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  const auto chosen = suite({"scenario=offline"});
  const auto outcome = bench::run_campaign(comm, chosen, folder, false, provenance, hooks(0.0, 17));
  CHECK(outcome.failed.size() == 14);
  CHECK_THAT(outcome.failed.front().error, Contains("one too many"));
  comm.barrier();
  {
    const bench::TaskReader task(folder.task_file());
    const auto states = task.names("state");
    const auto models = task.names("model");
    const auto accuracy = task.values("accuracy");
    for (std::size_t point = 0; point < task.points(); ++point) {
      CHECK(states[point] == (models[point] == "small" ? "failed" : "ok"));
      CHECK(std::isnan(accuracy[point]) == (models[point] == "small"));
    }
  }
  const auto again = bench::run_campaign(comm, chosen, folder, true, provenance, hooks(0.0, 17));
  CHECK(again.failed.size() == 14);  // tried again, in vain
  CHECK(again.resumed == 14);
  const auto mended = bench::run_campaign(comm, chosen, folder, true, provenance, hooks());
  CHECK(mended.failed.empty());
  CHECK(mended.resumed == 14);
  comm.barrier();
  const bench::TaskReader task(folder.task_file());
  for (const std::string& state : task.names("state")) {
    CHECK(state == "ok");
  }
  for (const double accuracy : task.values("accuracy")) {
    CHECK(accuracy > 0.0);
  }
  const auto finished = bench::run_campaign(comm, chosen, folder, true, provenance, hooks());
  CHECK(finished.resumed == finished.points);
}

TEST_CASE("a stop leaves everything to be resumed to the same file") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder whole{dir.path() / "whole"};
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::run_campaign(comm, suite(), whole, false, provenance, hooks(0.1));

  bench::Hooks stopping = hooks(0.1);
  int measured = 0;
  stopping.on_point = [&](const bench::Standing&) { ++measured; };
  const int last = comm.size() - 1;  // one rank alone was asked to stop
  stopping.stop_requested = [&] { return measured == 10 && comm.rank() == last; };
  const auto first = bench::run_campaign(comm, suite(), folder, true, provenance, stopping);
  CHECK(first.stopped);
  CHECK_FALSE(std::filesystem::exists(folder.task_file()));

  CHECK_THAT(
      refusal([&] { bench::run_campaign(comm, suite(), folder, false, provenance, hooks(0.1)); }),
      Contains("--resume"));
  CHECK_THAT(refusal([&] {
               bench::run_campaign(comm, suite({"seed=9"}), folder, true, provenance, hooks(0.1));
             }),
             Contains("seed = 9") && Contains("seed = 1"));
  bench::Hooks changed = hooks(0.1);
  changed.open = [&](const bench::ModelEntry& model, const bench::Suite& asked) {
    bench::Subject subject = hooks(0.1).open(model, asked);
    subject.network_sha256 = "fewer neighbours";
    return subject;
  };
  CHECK_THAT(
      refusal([&] { bench::run_campaign(comm, suite(), folder, true, provenance, changed); }),
      Contains("model configuration"));

  bench::Attributes more_threads = provenance;
  more_threads["threads_per_rank"] = std::int64_t{4};
  CHECK_THAT(
      refusal([&] { bench::run_campaign(comm, suite(), folder, true, more_threads, hooks(0.1)); }),
      Contains("1 thread each") && Contains("this job has") && Contains("4 threads each"));

  const auto second = bench::run_campaign(comm, suite(), folder, true, provenance, hooks(0.1));
  CHECK(second.resumed == 10);
  comm.barrier();
  CHECK(test::difference_but_times(whole.task_file(), folder.task_file()) == "");
}

TEST_CASE("shards measured one by one merge to the points of an undisturbed campaign") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder whole{dir.path() / "whole"};
  const auto chosen = bench::parse_suite(
      suite_text + "[choose]\ndata = \"others.h5\"\njets = 300\nloss = [0.02]\n", "fake", "/",
      std::vector<std::string>{"scenario=offline", "batch=32", "rule=entropy"});
  bench::run_campaign(comm, chosen, whole, false, provenance, hooks());
  bench::CampaignFolder folder{dir.path() / "c", 0, 3};
  bench::Attributes of_job = provenance;
  of_job["mpi_size"] = std::int64_t{comm.size()};
  std::int64_t points = 0;
  for (; folder.shard < folder.shards; ++folder.shard) {
    points += bench::run_campaign(comm, chosen, folder, false, of_job, hooks()).points;
  }
  CHECK_THAT(refusal([&] {
               bench::run_campaign(comm, chosen, {folder.root, 0, 2}, true, provenance, hooks());
             }),
             Contains("has 3 shards, not 2"));
  comm.barrier();
  comm.agree([&] {
    if (comm.is_root()) {
      bench::merge(folder.root, false);
    }
  });
  const bench::TaskReader expected(whole.task_file());
  const bench::TaskReader merged(folder.merged());
  CHECK(points == static_cast<std::int64_t>(expected.points()));
  CHECK(merged.texts("point_id") == expected.texts("point_id"));
  for (const std::string name : {"state", "model", "rule", "scenario", "selection"}) {
    CHECK(merged.names(name) == expected.names(name));
  }
  for (const std::string name : {"accuracy", "multiply_adds_run", "batch", "chosen_accuracy"}) {
    const auto ours = merged.values(name);
    const auto theirs = expected.values(name);
    REQUIRE(ours.size() == theirs.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      CHECK((ours[i] == theirs[i] || (std::isnan(ours[i]) && std::isnan(theirs[i]))));
    }
  }
}

TEST_CASE("jets that cannot be read leave a new folder as it was") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::Hooks bad = hooks();
  bad.open = [&](const bench::ModelEntry& model, const bench::Suite& asked) {
    bench::Subject subject = hooks().open(model, asked);
    subject.jets.read = [](std::int64_t, std::int64_t) -> data::JetBatch {
      throw InputError("jets.h5: NaN");
    };
    return subject;
  };
  bool trained = false;
  bad.before_measuring = [&] { trained = true; };
  CHECK_THAT(refusal([&] { bench::run_campaign(comm, suite(), folder, false, provenance, bad); }),
             Contains("NaN"));
  CHECK_FALSE(trained);
  comm.barrier();
  CHECK_FALSE(std::filesystem::exists(folder.manifest()));
  CHECK_FALSE(std::filesystem::exists(folder.tasks()));
  CHECK(bench::run_campaign(comm, suite(), folder, false, provenance, hooks()).failed.empty());
  comm.barrier();
  CHECK(std::filesystem::exists(folder.task_file()));
}

TEST_CASE("a point keeps what the harness cost, and that a known time is told") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::run_campaign(comm, suite({"effort=smoke"}), folder, false, provenance, hooks());
  comm.barrier();
  const bench::TaskReader task(folder.task_file());
  CHECK(task.values("ranks") == std::vector<double>(task.points(), comm.size()));
  CHECK(task.values("nodes") == std::vector<double>(task.points(), 1.0));
  for (std::size_t p = 0; p < task.points(); ++p) {
    CHECK(std::isfinite(task.values("harness_time")[p]));
    CHECK(task.values("overhead_time")[p] >= 0.0);
    CHECK(task.values("empty_batch_time")[p] < task.values("known_batch_told")[p]);
    CHECK(task.values("known_batch_told")[p] >= task.values("known_batch_time")[p]);
  }
}

TEST_CASE("a damaged file is moved aside and begun again") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  bench::Hooks stopping = hooks();
  int measured = 0;
  stopping.on_point = [&](const bench::Standing&) { ++measured; };
  stopping.stop_requested = [&] { return measured == 5; };
  bench::run_campaign(comm, suite(), folder, true, provenance, stopping);
  const auto part = folder.task_file().string() + ".part";
  if (comm.is_root()) {
    std::filesystem::resize_file(part, std::filesystem::file_size(part) / 2);
  }
  comm.barrier();
  const auto outcome = bench::run_campaign(comm, suite(), folder, true, provenance, hooks());
  CHECK(outcome.resumed == 0);
  CHECK(std::filesystem::exists(part + ".bad-1"));
  CHECK(std::filesystem::exists(folder.task_file()));
}

TEST_CASE("suites that cannot be measured are refused on all ranks") {
  const auto comm = comm::Communicator::world();
  const test::SharedDir dir(comm);
  const bench::CampaignFolder folder{dir.path() / "c"};
  CHECK_THAT(refusal([&] {
               bench::run_campaign(comm, suite({"batch=500"}), folder, false, provenance, hooks());
             }),
             Contains("batch 500") && Contains("400 jets"));
  CHECK_THAT(refusal([&] {
               bench::run_campaign(comm, suite({"rule=learned"}), folder, false, provenance,
                                   hooks());
             }),
             Contains("eebench gates"));
}
