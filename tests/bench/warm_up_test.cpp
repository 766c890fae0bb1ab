#include <catch2/catch.hpp>

#include "eebench/bench/measure.hpp"
#include "tests/support/fake_executor.hpp"

using namespace eebench;

TEST_CASE("a warm-up goes on for a pass, however little the second batch differs from the first") {
  test::FakeExecutor executor({});
  std::vector<data::JetBatch> batches;
  for (std::int64_t jet = 0; jet < 7; ++jet) {
    batches.push_back(test::fake_jets(jet, jet + 1));
  }
  const std::vector<std::vector<std::int32_t>> replayed(batches.size(), {2});
  const bench::Workload workload{batches, replayed, 3, [&](const data::JetBatch& batch) {
                                   exec::BatchTrace trace = executor.run_fixed(batch, 2);
                                   trace.seconds = 1e-3;
                                   return trace;
                                 }};
  bench::Effort effort = bench::parse_effort("smoke");
  effort.max_warmup_seconds = 60.0;
  const bench::Values values =
      bench::measure({}, workload, bench::Scenario::single_stream, effort, 1);
  CHECK(values.at("warmup_batches") == std::vector<double>{7.0});
}
