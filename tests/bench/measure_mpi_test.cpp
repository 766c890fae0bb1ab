#include <algorithm>
#include <cmath>
#include <functional>

#include <catch2/catch.hpp>

#include "eebench/bench/measure.hpp"
#include "tests/support/fake_executor.hpp"

using namespace eebench;
using bench::Scenario;
using bench::Values;

namespace {

/// Batches of one jet, all leaving at exit 1 of 3, that say to have taken the seconds given for it.
class Timed {
 public:
  Timed(std::int64_t batches, std::function<double(std::int64_t jet)> seconds)
      : seconds_(std::move(seconds)), replayed_(static_cast<std::size_t>(batches), {1}) {
    for (std::int64_t jet = 0; jet < batches; ++jet) {
      batches_.push_back(test::fake_jets(jet, jet + 1));
    }
  }

  Values measure(const comm::Communicator& comm, Scenario scenario, const bench::Effort& effort) {
    const bench::Workload workload{
        batches_, replayed_, 3, [this](const data::JetBatch& batch) {
          exec::BatchTrace trace = executor_.run_fixed(batch, 1);
          trace.seconds = seconds_(batch.index.front());
          trace.answer_seconds = {std::nan(""), 0.9 * trace.seconds, std::nan("")};
          return trace;
        }};
    return bench::measure(comm, workload, scenario, effort, 1);
  }

 private:
  test::FakeExecutor executor_{{}};
  std::function<double(std::int64_t)> seconds_;
  std::vector<data::JetBatch> batches_;
  std::vector<std::vector<std::int32_t>> replayed_;
};

/// Without warm-up, `batches` batches in all.
bench::Effort effort_of(std::int64_t batches) {
  bench::Effort effort = bench::parse_effort("quick");
  effort.max_warmup_seconds = 0.0;
  effort.min_seconds = 0.0;
  effort.min_samples = batches;
  return effort;
}

}  // namespace

TEST_CASE("times are those of the slowest rank, also where ranks do not run side by side") {
  const auto comm = comm::Communicator::world();
  const int slowest = comm.size() / 2;
  // Every rank has one slow batch, each at another place; the slowest rank takes longer each time.
  const double usual = comm.rank() == slowest ? 3e-3 : 1e-3;
  for (const Scenario scenario : {Scenario::offline, Scenario::single_stream}) {
    Timed timed(20, [&](std::int64_t jet) { return jet == comm.rank() ? 0.5 : usual; });
    const Values values = timed.measure(comm, scenario, effort_of(100));
    const auto only = [&](const char* name) {
      REQUIRE(values.at(name).size() == 1);
      return values.at(name).front();
    };
    const double count = only("n_samples");
    const auto samples = static_cast<std::size_t>(count);
    CHECK((scenario == Scenario::offline ? count == 100.0 : count >= 100.0));
    CHECK(only("sample_rank") == slowest);
    CHECK(only("batch_time") == 3e-3);
    for (int rank = 0; rank < comm.size(); ++rank) {
      const auto place = static_cast<std::size_t>(rank);
      CHECK(values.at("batch_time_rank")[place] == (rank == slowest ? 3e-3 : 1e-3));
      const double slow = std::floor((count + 19.0 - rank) / 20.0);
      const double seconds = slow * 0.5 + (count - slow) * (rank == slowest ? 3e-3 : 1e-3);
      CHECK(values.at("throughput_rank")[place] == Approx(count / seconds));
      CHECK(values.at("latency_rank")[3 * place] == Approx(0.9 * (rank == slowest ? 3e-3 : 1e-3)));
    }
    // 50, 90 and 99 %: the last has too few batches; a rank where nobody left has no say.
    CHECK(values.at("latency")[0] == Approx(0.9 * 3e-3));
    CHECK(values.at("latency")[1] == Approx(0.9 * 3e-3));
    CHECK(std::isnan(values.at("latency")[2]));
    CHECK(values.at("latency_exit")[3 + 0] == Approx(0.9 * 3e-3));
    CHECK(std::isnan(values.at("latency_exit")[0]));
    CHECK(values.at("sample_time").size() == std::min<std::size_t>(samples, 256));
    CHECK(values.at("sample_time")[static_cast<std::size_t>(slowest)] == 0.5);
    const std::size_t kept = values.at("sample_time").size();
    CHECK(values.at("sample_answer_time")[kept + 11] == Approx(0.9 * 3e-3));
    CHECK(values.at("sample_leaving")[kept] == 1.0);
    CHECK(only("throughput") > 0.0);
  }
}

TEST_CASE("a percentile that one rank cannot state is not stated") {
  const auto comm = comm::Communicator::world();
  for (const std::int64_t batches : {63, 64}) {
    Timed timed(batches, [](std::int64_t) { return 1e-3; });
    const Values values = timed.measure(comm, Scenario::offline, effort_of(1));
    CHECK(std::isnan(values.at("latency")[1]) == (batches == 63));
  }
}

TEST_CASE("throughput has an interval from eight passes on") {
  const auto comm = comm::Communicator::world();
  for (const std::int64_t passes : {7, 8}) {
    Timed timed(5, [](std::int64_t) { return 1e-3; });
    const Values values = timed.measure(comm, Scenario::offline, effort_of(5 * passes));
    CHECK(values.at("n_samples").front() == static_cast<double>(5 * passes));
    CHECK(std::isnan(values.at("throughput_ci_low").front()) == (passes == 7));
    CHECK(values.at("throughput").front() > 0.0);
    if (passes == 8) {
      CHECK(values.at("throughput_ci_low").front() <= values.at("throughput").front());
      CHECK(values.at("throughput_ci_high").front() >= values.at("throughput").front());
    }
  }
}

TEST_CASE("the levels that ask for precision measure eight passes") {
  const auto comm = comm::Communicator::world();
  bench::Effort effort = bench::parse_effort("standard");
  effort.max_warmup_seconds = 0.0;
  effort.min_seconds = 0.0;
  Timed timed(20, [](std::int64_t) { return 1e-3; });
  const Values values = timed.measure(comm, Scenario::offline, effort);
  CHECK(values.at("n_samples").front() >= 160.0);
}

TEST_CASE("a warm-up repeats the same batches until they are no faster") {
  const auto comm = comm::Communicator::world();
  bench::Effort effort = bench::parse_effort("smoke");
  effort.max_warmup_seconds = 60.0;
  double rounds = 0.0;  // begun with the first jet
  Timed timed(7, [&](std::int64_t jet) {
    rounds += jet == 0 ? 1.0 : 0.0;
    return 1.0 / std::min(rounds, 3.0);
  });
  const Values values = timed.measure(comm, Scenario::single_stream, effort);
  CHECK(values.at("warmup_converged").front() == 1.0);
  CHECK(rounds == 5.0);  // as fast in the fourth as in the third; then the measurement
  CHECK(std::fmod(values.at("warmup_batches").front(), 4.0) == 0.0);
}

TEST_CASE("a warm-up that does not settle ends with its time and says so, like none at all") {
  const auto comm = comm::Communicator::world();
  bench::Effort effort = bench::parse_effort("smoke");
  for (const double limit : {0.2, 0.0}) {
    effort.max_warmup_seconds = limit;
    double seconds = 1.0;
    Timed timed(2, [&](std::int64_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return seconds *= 0.9;
    });
    const Values values = timed.measure(comm, Scenario::offline, effort);
    CHECK(values.at("warmup_converged").front() == 0.0);
    CHECK((values.at("warmup_batches").front() > 0.0) == (limit > 0.0));
  }
}
