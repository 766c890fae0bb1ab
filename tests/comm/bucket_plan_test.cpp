#include "eebench/comm/bucket_plan.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include <catch2/catch.hpp>

using namespace eebench::comm;

TEST_CASE("buckets are filled from the last parameter and lie side by side") {
  const std::array<std::size_t, 5> counts{4, 3, 10, 2, 5};
  CHECK(plan_buckets(counts, 8) == std::vector<Bucket>{{3, 2, 17, 7}, {2, 1, 7, 10}, {0, 2, 0, 7}});
}

TEST_CASE("every element belongs to one bucket whatever the limit") {
  std::vector<std::size_t> counts(100);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = (i * 37) % 101;
  }
  for (const std::size_t limit : {1U, 64U, 500U, 100000U}) {
    const std::vector<Bucket> plan = plan_buckets(counts, limit);
    std::size_t end = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
    for (const Bucket& bucket : plan) {
      CHECK(bucket.offset + bucket.count == end);
      CHECK((bucket.count <= limit || bucket.parameters == 1 ||
             std::count_if(counts.begin() + static_cast<std::ptrdiff_t>(bucket.first_parameter),
                           counts.begin() + static_cast<std::ptrdiff_t>(bucket.first_parameter +
                                                                        bucket.parameters),
                           [](std::size_t count) { return count > 0; }) == 1));
      end = bucket.offset;
    }
    CHECK(end == 0);
  }
  CHECK(plan_buckets({}, 8).empty());
}

TEST_CASE("buckets start in plan order whatever the order of the gradients") {
  const std::array<std::size_t, 4> counts{1, 1, 1, 1};
  BucketSchedule schedule(plan_buckets(counts, 2));
  for (int pass = 0; pass < 2; ++pass) {
    CHECK(schedule.ready(0).empty());
    CHECK(schedule.ready(1).empty());  // the second bucket is complete but waits for the first
    CHECK(schedule.ready(3).empty());
    const auto both = schedule.ready(2);
    REQUIRE(both.size() == 2);
    CHECK(both[0].first_parameter == 2);
    CHECK(both[1].first_parameter == 0);
    CHECK(schedule.finish().empty());
  }
}

TEST_CASE("buckets whose parameters got no gradient are handed out at the end") {
  const std::array<std::size_t, 3> counts{5, 5, 5};
  BucketSchedule schedule(plan_buckets(counts, 5));
  CHECK(schedule.ready(2).size() == 1);
  CHECK(schedule.ready(0).empty());
  CHECK(schedule.finish().size() == 2);
  CHECK(schedule.finish().size() == 3);  // a pass without any gradient
}
