#include "eebench/bench/passes.hpp"

#include <limits>

#include <catch2/catch.hpp>

#include "tests/support/fake_executor.hpp"

using namespace eebench;

TEST_CASE("where nobody came in one batch the seconds of the others count") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<data::JetBatch> batches{test::fake_jets(0, 2), test::fake_jets(2, 4)};
  const auto passes = bench::time_passes(batches, 3, [&](const data::JetBatch& batch) {
    const bool leaves = batch.index.front() == 0;
    exec::BatchTrace trace;
    trace.seconds = 1.0;
    trace.exit_index.assign(2, leaves ? 0 : 1);
    trace.segment_seconds = {0.5, leaves ? nan : 2.0};
    trace.head_seconds = {nan, leaves ? nan : 0.25};
    trace.segment_peak_bytes = {1, 1};
    trace.head_peak_bytes = {1, 1};
    return trace;
  });
  CHECK(passes.segment_seconds[0] == std::vector<double>(3, 1.0 / 4));
  CHECK(passes.segment_seconds[1] == std::vector<double>(3, 2.0 / 4));
  CHECK(passes.head_seconds[0] == std::vector<double>(3, 0.0));
  CHECK(passes.head_seconds[1] == std::vector<double>(3, 0.25 / 4));
  CHECK(passes.exit_fraction == std::vector<double>(2, 0.5));
}
