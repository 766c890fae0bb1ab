#include "eebench/bench/samples.hpp"

#include <cmath>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "eebench/bench/schema.hpp"
#include "tests/support/paths.hpp"

using namespace eebench;
using bench::Weighted;

TEST_CASE("latency quantiles weigh jets but need batches") {
  std::vector<Weighted> times;
  for (int batch = 1; batch <= 100; ++batch) {
    times.push_back({static_cast<double>(batch), 64.0});
  }
  CHECK(bench::latency_quantile(times, 50.0, 100) == 50.0);
  CHECK(bench::latency_quantile(times, 90.0, 100) == 90.0);
  CHECK(std::isnan(bench::latency_quantile(times, 99.0, 100)));  // 6400 jets, but 100 batches
  CHECK(bench::latency_quantile(times, 99.0, 662) == 99.0);
  CHECK(std::isnan(bench::latency_quantile(times, 50.0, 10)));
  CHECK(bench::latency_quantile({{1.0, 1.0}, {5.0, 99.0}}, 50.0, 11) == 5.0);
  CHECK(std::isnan(bench::latency_quantile({}, 50.0, 11)));
}

TEST_CASE("a sample counts who left where and pads what did not happen") {
  exec::BatchTrace trace;
  trace.seconds = 0.5;
  trace.exit_index = {0, 2, 0};
  trace.answer_seconds = {0.1};
  const bench::Sample sample = bench::sample_of(trace, 3);
  CHECK(sample.leaving == std::vector<double>{2.0, 0.0, 1.0});
  CHECK(sample.answer_seconds[0] == 0.1);
  CHECK(std::isnan(sample.answer_seconds[1]));
}

TEST_CASE("the format page describes every variable of the schema with its mark") {
  std::ifstream stream(test::source_dir() / "results" / "README.md");
  const std::string page{std::istreambuf_iterator<char>(stream), {}};
  REQUIRE(!page.empty());
  for (const bench::VariableSpec& spec : bench::schema()) {
    const std::string row = "\n| `" + std::string(spec.name) + "` |";
    const std::size_t begin = page.find(row);
    INFO(spec.name);
    REQUIRE(begin != std::string::npos);
    const std::string line = page.substr(begin + 1, page.find('\n', begin + 1) - begin);
    CHECK(line.find("| " + std::string(bench::name(spec.mark)) + " |") != std::string::npos);
    CHECK((line.find(", ci |") != std::string::npos) == spec.interval);
    for (const bench::Dimension dimension : spec.dimensions) {
      CHECK(line.find(std::string(bench::name(dimension))) != std::string::npos);
    }
  }
}
