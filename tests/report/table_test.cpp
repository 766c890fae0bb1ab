#include "eebench/report/table.hpp"

#include <cmath>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "eebench/report/progress.hpp"

using namespace eebench;

namespace {

report::Table table() {
  report::Table result;
  result.columns.push_back({"model", "", {"a", "b, \"c\""}, true});
  result.columns.push_back({"time", "ms", {"1.500", ""}, false});
  return result;
}

}  // namespace

TEST_CASE("numbers have four digits") {
  CHECK(report::number(0.0) == "0.0000");
  CHECK(report::number(1.23456) == "1.235");
  CHECK(report::number(1234.56) == "1235");
  CHECK(report::number(0.0123456) == "0.01235");
  CHECK(report::number(12345678.0) == "1.235e+07");
  CHECK(report::number(1.5e-6) == "1.500e-06");
  CHECK(report::number(NAN).empty());
}

TEST_CASE("a threshold that no score reaches is called never") {
  CHECK(report::threshold_text(0.95121666) == "0.951217");
  CHECK(report::threshold_text(-1.25) == "-1.25");
  CHECK(report::threshold_text(INFINITY) == "never");
}

TEST_CASE("a bar in a cell does not end it") {
  report::Table table;
  table.columns = {{"rule", "", {"vote|exit"}, true}};
  CHECK(report::to_markdown(table) ==
        "| rule       |\n"
        "|:-----------|\n"
        "| vote\\|exit |\n");
}

TEST_CASE("a table in three formats") {
  CHECK(report::to_markdown(table()) ==
        "| model  | time [ms] |\n"
        "|:-------|----------:|\n"
        "| a      |     1.500 |\n"
        "| b, \"c\" |         — |\n");
  CHECK(report::to_csv(table()) == "model,time [ms]\na,1.500\n\"b, \"\"c\"\"\",\n");
  const auto json = nlohmann::json::parse(report::to_json(table()));
  CHECK(json[0]["time [ms]"] == 1.5);
  CHECK(json[1]["time [ms]"].is_null());
  CHECK(json[1]["model"] == "b, \"c\"");
}

TEST_CASE("columns that say the same in every row are said once") {
  report::Table both = table();
  both.columns.push_back({"batch", "jets", {"64", "64"}});
  both.columns.push_back({"p99", "ms", {"", ""}});
  CHECK(report::take_constants(both) == "In every row: batch 64 jets, p99 — ms.");
  CHECK(report::to_csv(both) == report::to_csv(table()));
  CHECK(report::take_constants(both).empty());
  report::Table one;
  one.columns = {{"batch", "jets", {"64"}}};
  CHECK(report::take_constants(one).empty());
  CHECK(one.columns.size() == 1);
}

TEST_CASE("the progress line says where we are and how long it takes") {
  bench::Point point;
  point.rule = "confidence";
  point.thresholds = {0.9, 0.9};
  point.batch = 64;
  const std::string model = "particlenet";
  const bench::Values values = {{"throughput", {812.34}}};
  bench::Standing standing;
  standing.done = 37;
  standing.points = 120;
  standing.point = &point;
  standing.model = &model;
  standing.values = &values;
  CHECK(report::progress_line(standing, 60.0, 17) ==
        "[ 37/120  30%] particlenet confidence 0.9 batch 64: 812.3 jets/s  eta 04:09  fail 0");
  standing.values = nullptr;
  standing.failed = 1;
  CHECK_THAT(report::progress_line(standing, 60.0, 17), Catch::Matchers::Contains("failed"));
}
