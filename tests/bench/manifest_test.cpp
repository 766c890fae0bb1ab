#include "eebench/bench/manifest.hpp"

#include <algorithm>
#include <fstream>
#include <numeric>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;

namespace {

/// The first half of one network, the second of another.
std::vector<bench::Point> points(std::int64_t count) {
  std::vector<bench::Point> result;
  for (std::int64_t i = 0; i < count; ++i) {
    bench::Point& point = result.emplace_back();
    point.index = i;
    point.model = 2 * i < count ? 0 : 1;
    point.id = "id" + std::to_string(i);
  }
  return result;
}

const std::vector<bench::JobSize> one_job(1);

}  // namespace

TEST_CASE("every point is in one shard of each repeat, with those of its network") {
  const auto grid = points(20);
  const std::vector<double> equal(grid.size(), 1.0);
  const auto shards = bench::split(grid, equal, 4, one_job, 3, 1);
  REQUIRE(shards.size() == 12);
  for (std::size_t repeat = 0; repeat < 3; ++repeat) {
    std::vector<std::int64_t> all;
    for (std::size_t part = 0; part < 4; ++part) {
      const bench::Shard& shard = shards[4 * repeat + part];
      CHECK(shard.repeat == static_cast<std::int64_t>(repeat));
      CHECK(shard.points.size() == 5);
      CHECK(std::is_sorted(shard.points.begin(), shard.points.end()));
      CHECK((part < 2 ? shard.points.back() < 10 : shard.points.front() >= 10));
      all.insert(all.end(), shard.points.begin(), shard.points.end());
    }
    std::sort(all.begin(), all.end());
    std::vector<std::int64_t> expected(20);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(all == expected);
  }
  // Within a network not one after another, so that what is expensive is spread.
  CHECK(shards[0].points != std::vector<std::int64_t>{0, 1, 2, 3, 4});
  CHECK(bench::split(grid, equal, 4, one_job, 3, 1) == shards);
  CHECK(bench::split(grid, equal, 4, one_job, 3, 2) != shards);
}

TEST_CASE("jobs of every size measure every point") {
  const auto grid = points(6);
  const std::vector<double> equal(grid.size(), 1.0);
  const std::vector<bench::JobSize> jobs = {{1, 1, 1}, {4, 2, 2}};
  const auto shards = bench::split(grid, equal, 2, jobs, 3, 1);
  REQUIRE(shards.size() == 12);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    CHECK(shards[i].job == jobs[i / 6]);
    CHECK(shards[i].points == shards[i % 2].points);
  }
}

TEST_CASE("shards take equally long, none is empty") {
  const auto grid = points(40);
  std::vector<double> seconds(grid.size(), 1.0);
  std::fill(seconds.begin() + 20, seconds.end(), 3.0);
  for (const auto& shard : bench::split(grid, seconds, 4, one_job, 1, 1)) {
    double sum = 0.0;
    for (const std::int64_t point : shard.points) {
      sum += seconds[static_cast<std::size_t>(point)];
    }
    CHECK(sum >= 18.0);
    CHECK(sum <= 22.0);
  }
  seconds[3] = 1000.0;  // alone as long as most of the shards: they would be empty
  for (const auto& shard : bench::split(grid, seconds, 8, one_job, 1, 1)) {
    CHECK_FALSE(shard.points.empty());
  }
}

TEST_CASE("shards are listed as Slurm's arrays have them") {
  CHECK(bench::array_of(std::vector<std::int64_t>{0, 1, 2, 5, 7, 8}) == "0-2,5,7-8");
  CHECK(bench::array_of(std::vector<std::int64_t>{3}) == "3");
  CHECK(bench::array_of({}).empty());
}

TEST_CASE("a manifest is read as it was written, and those of versions 1.4 and 1.5 too") {
  const test::ScratchDir scratch;
  const auto path = scratch / "manifest.json";
  const bench::Manifest manifest{
      "s", "seed = 1\n", {"a", "b", "c"}, {{0, {2, 1, 1}, {0, 2}}, {1, {4, 2, 2}, {1}}}};
  bench::write_manifest(manifest, path);
  const bench::Manifest read = bench::read_manifest(path);
  CHECK(read.suite == "s");
  CHECK(read.config_toml == "seed = 1\n");
  CHECK(read.points == manifest.points);
  CHECK(read.shards == manifest.shards);

  std::ofstream(path) << R"({"suite": "s", "config_toml": "", "ranks": 3, "points": ["a", "b"],
                             "machine": {"cores": 2}})";
  CHECK(bench::read_manifest(path).shards == std::vector<bench::Shard>{{0, {3, 1, 1}, {0, 1}}});
  std::ofstream(path) << R"({"suite": "s", "config_toml": "", "ranks": 3, "points": ["a", "b"],
                             "shards": [{"repeat": 1, "points": [1]}]})";
  CHECK(bench::read_manifest(path).shards == std::vector<bench::Shard>{{1, {3, 1, 1}, {1}}});

  for (const std::string damaged :
       {"{", "[]", R"({"suite": "s", "config_toml": "", "ranks": 1, "points": ["a"],
                       "shards": [{"repeat": 0, "points": [1]}]})"}) {
    std::ofstream(path) << damaged;
    CHECK_THROWS_AS(bench::read_manifest(path), InputError);
    CHECK_THROWS_WITH(bench::read_manifest(path), Contains("manifest.json is damaged"));
  }
}
