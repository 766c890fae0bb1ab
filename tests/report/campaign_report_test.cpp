#include "eebench/report/campaign_report.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "eebench/report/comparison.hpp"
#include "tests/bench/fake_subject.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;

namespace {

bench::Outcome measure(const bench::CampaignFolder& folder, std::int64_t oversubscribed,
                       const std::string& choose = "",
                       const std::vector<std::string>& overrides = {}) {
  const bench::Suite suite = bench::parse_suite(std::string(R"(
name = "fake"
data = "none.h5"
jets = 300
run_jets = 100
effort = "smoke"
[models.small]
weights = "a.h5"
[axes]
rule = "confidence"
threshold = [[0.9, 0.7], 0.8]
batch = 32
scenario = "offline"
)") + choose,
                                                "fake", "/", overrides);
  bench::Hooks hooks;
  hooks.open = [](const bench::ModelEntry&, const bench::Suite&) {
    return test::fake_subject({}, 300);
  };
  bench::Attributes provenance = {
      {"effort", std::string("smoke")},      {"data", std::string("none.h5")},
      {"device", std::string("cpu")},        {"cores", std::int64_t{2}},
      {"threads_per_rank", std::int64_t{1}}, {"deterministic", std::int64_t{0}},
      {"oversubscribed", oversubscribed}};
  for (const char* name : {"cpu", "governor", "libtorch", "eebench_version", "git_sha", "compiler",
                           "build_type", "flags"}) {
    provenance[name] = std::string("fake");
  }
  return bench::run_campaign({}, suite, folder, false, provenance, hooks);
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("a table has one row a point, baselines first, and dashes for too few batches") {
  const test::ScratchDir scratch;
  const bench::CampaignFolder folder{scratch.path() / "c"};
  measure(folder, 0);
  const bench::TaskReader task(folder.task_file());
  const report::Table table = report::summary_table(task, report::Columns::all);
  REQUIRE(table.rows() == 5);
  CHECK(table.columns[1].cells ==
        std::vector<std::string>{"full", "fixed", "fixed", "confidence", "confidence"});
  CHECK(table.columns[2].cells ==
        std::vector<std::string>{"exit 2", "exit 1", "exit 0", "0.9 0.7", "0.8"});
  // Of formulas all classes are alike: the column is that of one of them, with interval or limit.
  const auto rejection =
      std::find_if(table.columns.begin(), table.columns.end(), [](const report::Table::Column& c) {
        return c.name.starts_with("rejection, ") && c.name.ends_with(" %");
      });
  REQUIRE(rejection != table.columns.end());
  const std::string signal = rejection->name.substr(11, rejection->name.find(" at ") - 11);
  const std::vector<std::string> classes = task.texts("class");
  const auto place =
      static_cast<std::size_t>(std::find(classes.begin(), classes.end(), signal) - classes.begin());
  REQUIRE(place < classes.size());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::size_t i = row * classes.size() + place;
    const std::string value = report::number(task.values("rejection")[i]);
    const bool limit = task.values("rejection_is_limit")[i] == 1.0;
    CHECK(rejection->cells[row].starts_with(limit ? "> " + value : value + " ["));
  }
  const std::string markdown = report::to_markdown(table);
  CHECK_THAT(markdown, Contains("0/0/100") && Contains("±") && Contains("p99 [ms]"));
  CHECK_THAT(report::preamble(task, report::Columns::all),
             Contains("not official") && !Contains("More ranks than cores"));
}

TEST_CASE("rules that are formulas, and exits that are passed by, keep their names") {
  const test::ScratchDir scratch;
  const bench::CampaignFolder folder{scratch.path() / "c"};
  measure(
      folder, 0, "",
      {"rule=[\"patience\", \"p_max * ((patience >= 1) | (p_Hbb > 0.9))\"]",
       "threshold={patience = 1, \"p_max * ((patience >= 1) | (p_Hbb > 0.9))\" = [[inf, 0.5]]}"});
  const bench::TaskReader task(folder.task_file());
  const report::Table table = report::summary_table(task, report::Columns::all);
  const std::string formula = "p_max*((patience>=1)|(p_Hbb>0.9))";
  CHECK(table.columns[1].cells ==
        std::vector<std::string>{"full", "fixed", "fixed", "patience", formula});
  CHECK(table.columns[2].cells ==
        std::vector<std::string>{"exit 2", "exit 1", "exit 0", "1", "never 0.5"});
  // Patience is 0 at the first exit: nobody leaves there.
  const std::vector<double> left = task.values("exit_fraction");
  for (const std::size_t point : {3U, 4U}) {
    CHECK(left[3 * point] == 0.0);
    CHECK(left[3 * point + 1] > 0.1);
    CHECK(left[3 * point + 2] > 0.1);
    CHECK(task.values("flip_share")[point] == 0.0);
  }
  report::write_summaries(folder, task);
  CHECK_THAT(text_of(folder.root / "summary.md"),
             Contains("p_max*((patience>=1)\\|(p_Hbb>0.9))") && Contains("never 0.5"));
  CHECK_THAT(text_of(folder.root / "summary.csv"),
             Contains("," + formula + ",") && Contains(",inf,0.5,"));
}

TEST_CASE("chosen thresholds have a table of their own that says where they come from") {
  const test::ScratchDir scratch;
  const bench::CampaignFolder folder{scratch.path() / "c"};
  measure(folder, 0, "[choose]\ndata = \"other.h5\"\nloss = [0.02, 0.001]\n");
  const bench::TaskReader task(folder.task_file());
  const report::Table table = report::chosen_table(task);
  REQUIRE(table.rows() == 3 + 4);
  CHECK(table.columns[1].name == "loss allowed");
  CHECK(table.columns[1].cells ==
        std::vector<std::string>{"", "", "", "0.1000", "0.1000", "2.000", "2.000"});
  CHECK(table.columns[2].cells == std::vector<std::string>{"full", "fixed", "fixed", "confidence",
                                                           "confidence", "confidence",
                                                           "confidence"});
  CHECK_THAT(report::chosen_preamble(task),
             Contains("300 jets of other.h5") && Contains("those of none.h5"));
  report::write_summaries(folder, task);
  CHECK_THAT(text_of(folder.root / "summary.md"), Contains("loss allowed [points]"));

  CHECK_THAT(report::chosen_preamble(task), !Contains("gates"));
  const auto biased = scratch.path() / "biased.h5";
  std::filesystem::copy_file(folder.task_file(), biased);
  h5::File file = h5::File::open_writable(biased);
  file.set_attribute("gates_fitted_on_choosing_data", std::string("large"));
  file.close();
  CHECK_THAT(report::chosen_preamble(bench::TaskReader(biased)),
             Contains("gates of large were fitted on the same jets") && Contains("biased"));

  const bench::CampaignFolder plain{scratch.path() / "plain"};
  measure(plain, 0);
  const bench::TaskReader given(plain.task_file());
  CHECK(report::chosen_table(given).rows() == 0);
  CHECK(report::chosen_preamble(given).empty());
}

TEST_CASE("more ranks than cores is marked above the table and at each time") {
  const test::ScratchDir scratch;
  const bench::CampaignFolder folder{scratch.path() / "c"};
  measure(folder, 1);
  const bench::TaskReader task(folder.task_file());
  CHECK_THAT(report::preamble(task, report::Columns::all), Contains("More ranks than cores"));
  CHECK_THAT(report::to_markdown(report::summary_table(task, report::Columns::all)),
             Contains("\\* |"));
}

TEST_CASE("the end says where everything is, what failed and how to go on") {
  const test::ScratchDir scratch;
  const bench::CampaignFolder folder{scratch.path() / "c"};
  bench::Outcome outcome = measure(folder, 0);
  report::write_summaries(folder, bench::TaskReader(folder.task_file()));
  const std::string csv = text_of(folder.root / "summary.csv");
  CHECK_THAT(csv, Contains("accuracy,accuracy_ci_low,accuracy_ci_high") && Contains("confidence") &&
                      Contains(",rejection[Hbb],") && Contains(",latency[99],"));
  CHECK_THAT(report::final_block(folder, outcome, "RESUME"),
             Contains(folder.root.string()) && Contains("h5netcdf") && !Contains("RESUME"));
  outcome.stopped = true;
  outcome.failed = {{3, "broke"}};
  CHECK_THAT(report::final_block(folder, outcome, "RESUME"),
             Contains("RESUME") && Contains("point 3: broke"));
}

TEST_CASE("thresholds that print alike are points of their own when campaigns are compared") {
  const test::ScratchDir scratch;
  const bench::CampaignFolder folder{scratch.path() / "c"};
  measure(folder, 0, "", {"threshold=[0.99966001,0.99966002,0.99966003]"});
  const bench::TaskReader task(folder.task_file());
  const report::Comparison comparison = report::compare(task, task);
  CHECK(comparison.points.size() == task.points());
  for (const report::ComparedPoint& point : comparison.points) {
    CHECK(point.a.size() == 1);
  }
}
