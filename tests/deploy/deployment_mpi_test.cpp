#include <algorithm>
#include <numeric>

#include <catch2/catch.hpp>

#include "eebench/comm/share.hpp"
#include "eebench/deploy/deployment.hpp"
#include "eebench/exec/executor.hpp"
#include "tests/exec/small_networks.hpp"

namespace eebench::deploy {
namespace {

constexpr std::int64_t jet_count = 90;
/// A network of three exits, what one process says of the jets, and thresholds by which they leave
/// at all of the exits.
struct Reference {
  explicit Reference(const std::string& network_kind, const std::string& rule_name = "margin")
      : kind(network_kind) {
    const auto executor = test::executor(kind, false);
    const test::Said said(jets, executor->replay(jets));
    rule = said.rule(rule_name);
    const std::vector<float> all = exits::decide(rule, said.answers()).scores;
    for (std::size_t exit = 0; exit < 2; ++exit) {
      std::vector<float> scores;
      for (std::size_t at = exit; at < all.size(); at += 2) {
        scores.push_back(all[at]);
      }
      std::nth_element(scores.begin(), scores.begin() + jet_count / 2, scores.end());
      thresholds.push_back(scores[jet_count / 2]);
    }
    answers = executor->run(jets, rule, thresholds);
  }

  std::string kind;
  exits::Rule rule;
  data::JetBatch jets = test::some_jets(jet_count);
  std::vector<double> thresholds;
  exec::BatchTrace answers;
};

Plan plan_of(const std::vector<std::int64_t>& ranks, const std::vector<std::int64_t>& segments) {
  Plan plan{.where = "test", .batch = 7, .window = 2};
  for (std::size_t t = 0; t < ranks.size(); ++t) {
    plan.tiers.push_back({.name = std::to_string(t), .segments = segments[t], .ranks = ranks[t]});
  }
  return plan;
}

/// All ways to share three segments and `ranks` ranks out.
std::vector<Plan> plans_for(std::int64_t ranks) {
  std::vector<Plan> plans{plan_of({ranks}, {3})};
  for (std::int64_t first = 1; first < ranks; ++first) {
    plans.push_back(plan_of({first, ranks - first}, {1, 2}));
    plans.push_back(plan_of({first, ranks - first}, {2, 1}));
    for (std::int64_t second = 1; first + second < ranks; ++second) {
      plans.push_back(plan_of({first, second, ranks - first - second}, {1, 1, 1}));
    }
  }
  return plans;
}

Deployment deploy(const comm::Communicator& comm, const Plan& plan, const Reference& reference) {
  Stage stage(test::network(reference.kind), plan.segments_of(plan.tier_of(comm.rank())),
              reference.rule, reference.thresholds, 1);
  const auto read = [&](std::int64_t begin, std::int64_t end) {
    return test::part_of(reference.jets, static_cast<std::size_t>(begin),
                         static_cast<std::size_t>(end));
  };
  return run(comm, plan, stage, read, jet_count, std::vector<std::string>(10, "class"));
}

/// Whether this rank has the answers of the one process, to the last bit.
bool as_alone(const comm::Communicator& comm, const Plan& plan, const Reference& reference,
              const store::TakenExits& share) {
  comm::Share own{0, 0};
  if (plan.tier_of(comm.rank()) == 0) {
    own = comm::share_of(jet_count, comm.rank(), static_cast<int>(plan.tiers[0].ranks));
  }
  const auto part = [&](const auto& all, std::int64_t width) {
    return std::vector<typename std::decay_t<decltype(all)>::value_type>(
        all.begin() + own.begin * width, all.begin() + own.end * width);
  };
  const std::vector<std::int32_t> exits = part(reference.answers.exit_index, 1);
  return share.labels == part(reference.jets.labels, 1) &&
         share.exit_index == std::vector<std::int64_t>(exits.begin(), exits.end()) &&
         share.logits == part(reference.answers.logits, 10);
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TEST_CASE("tiers of any ranks answer bit for bit as one process") {
  const auto world = comm::Communicator::world();
  for (const auto& [kind, rule] :
       std::vector<std::pair<std::string, std::string>>{{"part", "margin"},
                                                        {"particlenet", "margin"},
                                                        {"part", "lte"},
                                                        {"particlenet", "prototype"}}) {
    CAPTURE(kind, rule);
    const Reference reference(kind, rule);
    CHECK(std::count(reference.answers.exit_index.begin(), reference.answers.exit_index.end(), 1) >
          5);
    for (Plan& plan : plans_for(world.size())) {
      for (const std::int64_t window : {1, 3}) {
        plan.window = window;
        const Deployment done = deploy(world, plan, reference);
        CHECK(as_alone(world, plan, reference, done.share));
        CHECK(std::all_of(done.latency.begin(), done.latency.end(),
                          [&](double s) { return s > 0.0 && s <= done.figures.seconds; }));
        const Figures& figures = done.figures;
        CHECK(figures.entered[0] == jet_count);
        CHECK(sum(figures.answered) == jet_count);
        for (std::size_t t = 0; t + 1 < plan.tiers.size(); ++t) {
          CHECK(figures.entered[t + 1] == figures.entered[t] - figures.answered[t]);
          CHECK(figures.sent_bytes[t] > 4 * 10 * figures.entered[t + 1]);
        }
        CHECK(figures.sent_bytes.back() == 0);
        CHECK((figures.answer_bytes.back() > 0) == (plan.tiers.size() > 1));
        CHECK(figures.compute_seconds[0] > 0.0);
      }
    }
  }
}

TEST_CASE("jets are batched anew behind each hop, up to a batch") {
  const auto world = comm::Communicator::world();
  if (world.size() < 3) {
    return;
  }
  const Reference reference("part");
  Plan plan = plan_of({world.size() - 1, 1}, {1, 2});
  plan.tiers[1].link.latency = 0.05;  // so that several wait there together
  const Deployment done = deploy(world, plan, reference);
  CHECK(as_alone(world, plan, reference, done.share));
  const double batches = done.figures.runs[0];
  CHECK(done.figures.runs[1] < batches);
  CHECK(done.figures.runs[1] >= done.figures.entered[1] / static_cast<double>(plan.batch));
}

TEST_CASE("an emulated link costs its latency there and back, and its bandwidth") {
  const auto world = comm::Communicator::world();
  if (world.size() < 2) {
    return;
  }
  const Reference reference("part");
  Plan plan = plan_of({1, world.size() - 1}, {1, 2});
  plan.tiers[1].link.latency = 0.04;
  const Deployment slow = deploy(world, plan, reference);
  CHECK(as_alone(world, plan, reference, slow.share));
  for (std::size_t jet = 0; jet < slow.latency.size(); ++jet) {
    CHECK((slow.share.exit_index[jet] == 0 || slow.latency[jet] > 0.08));
  }
  plan.tiers[1].link = {.latency = 0.0, .bandwidth = 1e6};
  const Deployment narrow = deploy(world, plan, reference);
  CHECK(as_alone(world, plan, reference, narrow.share));
  CHECK(narrow.figures.seconds >
        narrow.figures.sent_bytes[0] / 1e6 / static_cast<double>(world.size() - 1));
}

TEST_CASE("a tier whose successor has no room waits, and says how long") {
  const auto world = comm::Communicator::world();
  if (world.size() != 2) {
    return;
  }
  const Reference reference("part");
  Plan plan = plan_of({1, 1}, {1, 2});
  plan.window = 1;
  plan.tiers[1].link.latency = 0.02;
  const Deployment done = deploy(world, plan, reference);
  // From the second batch with survivors on each waits for the credit of the one before.
  CHECK(done.figures.blocked_seconds[0] > 8 * 0.02);
  CHECK(done.figures.blocked_seconds[1] == 0.0);
  plan.window = 100;
  CHECK(deploy(world, plan, reference).figures.blocked_seconds[0] == 0.0);
}

TEST_CASE("a rank may have no jets to read") {
  const auto world = comm::Communicator::world();
  const Reference reference("particlenet");
  const Plan plan = plan_of({world.size()}, {3});
  Stage stage(test::network("particlenet"), plan.segments_of(0), reference.rule,
              reference.thresholds, 1);
  const Deployment done = run(
      world, plan, stage,
      [&](std::int64_t begin, std::int64_t end) {
        return test::part_of(reference.jets, static_cast<std::size_t>(begin),
                             static_cast<std::size_t>(end));
      },
      1, std::vector<std::string>(10, "class"));
  CHECK(done.share.jets() == (world.rank() == world.size() - 1 ? 1 : 0));
  CHECK(sum(done.figures.answered) == 1);
}

}  // namespace
}  // namespace eebench::deploy
