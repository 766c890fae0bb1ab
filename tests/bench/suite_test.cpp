#include "eebench/bench/suite.hpp"

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"

using namespace eebench;
using bench::Suite;
using Catch::Matchers::Contains;

namespace {

const std::string minimal = R"(
name = "two"
data = "jets.h5"
[models.small]
weights = "small.h5"
features = "kin"
[models.large]
weights = "/abs/large.h5"
[axes]
rule = ["confidence", "margin"]
threshold = "0.5:0.9:0.2"
batch = [1, 64]
scenario = "offline"
)";

Suite parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return bench::parse_suite(text, "two.toml", "/suites", overrides);
}

}  // namespace

TEST_CASE("a suite lists networks and axes; paths count from its folder") {
  const Suite suite = parse(minimal);
  CHECK(suite.data == "/suites/jets.h5");
  REQUIRE(suite.models.size() == 2);
  CHECK(suite.models[1].weights == "/suites/small.h5");
  CHECK(suite.models[0].weights == "/abs/large.h5");
  CHECK(suite.models[1].features == "kin");
  CHECK(suite.rules == std::vector<std::string>{"confidence", "margin"});
  CHECK(suite.thresholds == std::vector<std::vector<double>>{{0.5}, {0.7}, {0.9}});
  CHECK(suite.batches == std::vector<std::int64_t>{1, 64});
  CHECK(suite.scenarios == std::vector<bench::Scenario>{bench::Scenario::offline});
}

TEST_CASE("configurations are names, or files whose paths count from the suite's folder too") {
  std::string text = minimal + "[train]\nconfig = \"mine.toml\"\ndata = \"t.h5\"\n";
  text.replace(text.find("\"kin\""), 5, "\"inputs/mine.yaml\"\nconfig = \"part-small\"");
  const Suite suite = parse(text);
  CHECK(suite.models[1].features == "/suites/inputs/mine.yaml");
  CHECK(suite.models[1].config == "part-small");
  CHECK(suite.training.value().config == "/suites/mine.toml");
}

TEST_CASE("overrides replace axes and settings") {
  const Suite suite =
      parse(minimal,
            {"threshold=0.5:0.9:0.1", "batch=[1,64,512]", "rule=[entropy,margin]", "effort=smoke",
             "seed=7", "model=large", "scenario=single_stream", "deterministic=true"});
  CHECK(suite.thresholds.size() == 5);
  CHECK(suite.batches.size() == 3);
  CHECK(suite.rules == std::vector<std::string>{"entropy", "margin"});
  CHECK(suite.effort == "smoke");
  CHECK(suite.seed == 7);
  CHECK(suite.models.size() == 1);
  CHECK(suite.deterministic);
}

TEST_CASE("other jets may be given; their paths count from the current folder") {
  const Suite suite =
      parse(minimal, {"data=mine.h5", "choose={data = \"val.h5\", loss = [0.001, 0.01]}"});
  CHECK(suite.data == std::filesystem::current_path() / "mine.h5");
  REQUIRE(suite.choosing.has_value());
  CHECK(suite.choosing->data == std::filesystem::current_path() / "val.h5");
  CHECK(suite.choosing->losses == std::vector<double>{0.001, 0.01});
}

TEST_CASE("thresholds may be log-odds, lists, or one for each exit") {
  CHECK(parse(minimal, {"threshold=logit:0:2:1"}).thresholds[0][0] == Approx(0.5));
  CHECK(parse(minimal, {"threshold=[0.9, [0.8, 0.7]]"}).thresholds ==
        std::vector<std::vector<double>>{{0.9}, {0.8, 0.7}});
}

TEST_CASE("thresholds may be chosen on other jets, and then need not be given") {
  const std::string choose = "[choose]\ndata = \"val.h5\"\nloss = [0.001, 0.01]\n";
  const Suite suite = parse(minimal + choose);
  REQUIRE(suite.choosing.has_value());
  CHECK(suite.choosing->data == "/suites/val.h5");
  CHECK(suite.choosing->jets == 0);
  CHECK(suite.choosing->losses == std::vector<double>{0.001, 0.01});
  std::string without = minimal;
  without.erase(without.find("threshold"), without.find("batch") - without.find("threshold"));
  CHECK(parse(without + choose).thresholds.empty());
  CHECK_THROWS_WITH(parse(without),
                    Contains("[axes] threshold is missing; give numbers such as 0.9"));
  CHECK_THROWS_WITH(parse(minimal + "[choose]\ndata = \"val.h5\"\n"),
                    Contains("choose needs both keys data and loss"));
  CHECK_THROWS_WITH(parse(minimal + "[choose]\ndata = \"val.h5\"\nloss = 1\n"),
                    Contains("choose: loss must be from 0 to 1"));
  for (const std::string& text : {minimal + choose, without + choose + "jets = 100\n"}) {
    CHECK(bench::parse_suite(bench::to_toml(parse(text)), "again", "/elsewhere", {}) ==
          parse(text));
  }
}

TEST_CASE("each rule may have thresholds of its own") {
  const std::string by_rule = "threshold={confidence = \"0.5:0.9:0.2\", \"p_max * vote\" = [0.3]}";
  const Suite suite = parse(minimal, {"rule=[\"confidence\", \"p_max * vote\"]", by_rule});
  CHECK(suite.rules == std::vector<std::string>{"confidence", "p_max*vote"});
  CHECK(suite.thresholds.empty());
  CHECK(suite.thresholds_of("confidence") == bench::Thresholds{{0.5}, {0.7}, {0.9}});
  CHECK(suite.thresholds_of("p_max*vote") == bench::Thresholds{{0.3}});
  CHECK(parse(minimal, {by_rule, "threshold=0.6"}).thresholds_of("margin") ==
        bench::Thresholds{{0.6}});
  CHECK_THROWS_WITH(parse(minimal, {"threshold={confidence = 0.5}"}),
                    Contains("threshold of rule margin is missing; give numbers"));
  CHECK_THROWS_WITH(parse(minimal, {"threshold={confidence = 0.5, margin = 0.5, vote = 0.5}"}),
                    Contains("rule vote, which has thresholds, is missing"));
  CHECK_THROWS_WITH(parse(minimal, {"threshold={confidense = 0.5}"}),
                    Contains("-a threshold={confidense") && Contains("'confidence'"));
  CHECK_THROWS_WITH(parse(minimal, {"threshold={confidence = 0.5, margin = \"0.5:0.9\"}"}),
                    Contains("threshold.margin: \"0.5:0.9\" is no grid"));
  const Suite narrowed =
      parse(minimal, {"rule=[\"confidence\", \"p_max * vote\"]", by_rule, "rule=confidence"});
  CHECK(narrowed.rule_thresholds.size() == 1);
  CHECK(narrowed.thresholds_of("confidence") == suite.thresholds_of("confidence"));
  CHECK_THROWS_WITH(parse(minimal, {"threshold={\"p_max*2\" = 0.5, \"p_max * 2\" = 0.6}"}),
                    Contains("given once"));
  const Suite chosen = parse(minimal + "[choose]\ndata = \"val.h5\"\nloss = 0.01\n",
                             {"threshold={confidence = 0.5}"});
  CHECK(chosen.thresholds_of("margin").empty());
}

TEST_CASE("thresholds must suit every rule") {
  CHECK_THROWS_WITH(parse(minimal, {"rule=[confidence,comparator]"}),
                    Contains("two.toml -a rule=[confidence,comparator]: ") &&
                        Contains("rule comparator must be at most -1, not 0.5"));
  CHECK_NOTHROW(parse(minimal, {"rule=comparator", "threshold=[-1.5, [0.0, -2.0]]"}));
  CHECK_NOTHROW(parse(minimal, {"rule=energy", "threshold=[-1.5, 30]"}));
  CHECK_NOTHROW(parse(minimal, {"threshold=[[inf, 0.8]]"}));
  CHECK_THROWS_WITH(parse(minimal, {"rule=energy", "threshold=inf"}),
                    Contains("a finite number, not inf"));
}

TEST_CASE("points may be left out, and whole networks run for comparison") {
  const Suite suite =
      parse("skip = [{scenario = \"single_stream\", batch = [64]}, {rule = \"fixed\"}]\n" + minimal,
            {"executor=[leaving,whole]"});
  CHECK(suite.engines == std::vector{bench::Engine::leaving, bench::Engine::whole});
  REQUIRE(suite.skip.size() == 2);
  CHECK(suite.skip[0].scenarios == std::vector{bench::Scenario::single_stream});
  CHECK(suite.skip[0].batches == std::vector<std::int64_t>{64});
  CHECK(suite.skip[1].rules == std::vector<std::string>{"fixed"});
  CHECK(parse(bench::to_toml(suite)) == suite);
  CHECK_THROWS_WITH(parse(minimal, {"executor=none"}), Contains("leaving, whole"));
  CHECK_THROWS_WITH(parse(minimal, {"skip={batches=1}"}), Contains("batch"));
}

TEST_CASE("a network in another precision is another network") {
  const Suite suite =
      parse("skip = [{model = \"small\", batch = 64}]\n" + minimal, {"precision=[fp32,bf16]"});
  REQUIRE(suite.models.size() == 4);
  CHECK(suite.models[0].name == "large");
  CHECK(suite.models[1].name == "large@bf16");
  CHECK(suite.models[1].weights == suite.models[0].weights);
  CHECK(suite.models[1].precision == exec::Precision::bf16);
  CHECK(suite.skip[0].models == std::vector<std::string>{"small", "small@bf16"});
  CHECK(parse(bench::to_toml(suite)) == suite);
  std::string own = minimal;
  own.replace(own.find("features = \"kin\""), 16, "precision = \"bf16\"");
  CHECK(parse(own).models[1].name == "small");
  CHECK(parse(own).models[1].precision == exec::Precision::bf16);
  CHECK_THROWS_WITH(parse(own, {"precision=bf16"}),
                    Contains("model small has a precision of its own"));
  CHECK_THROWS_WITH(parse(minimal, {"precision=bf61"}), Contains("did you mean 'bf16'"));
}

TEST_CASE(
    "networks that are picked keep the suite's order, so that the effective suite reads back") {
  const Suite suite = parse(minimal, {"model=[small,large]"});
  REQUIRE(suite.models.size() == 2);
  CHECK(suite.models[0].name == "large");
  CHECK(parse(bench::to_toml(suite)) == suite);
}

TEST_CASE("a rule may be a formula") {
  CHECK(parse(minimal, {"rule=p_max * (patience >= 1)"}).rules ==
        std::vector<std::string>{"p_max*(patience>=1)"});
  CHECK_THROWS_WITH(parse(minimal, {"rule=[\"p_max\", \" p_max\"]"}), Contains("repetitions"));
  CHECK_THROWS_WITH(parse(minimal, {"rule=p_max * (patience"}),
                    Contains("-a rule=p_max * (patience: rule: ") && Contains("')' is missing"));
}

TEST_CASE("the effective suite reads back to the same") {
  for (const std::vector<std::string>& overrides :
       {std::vector<std::string>{},
        {"threshold=[0.1, [0.8, inf]]", "jets=0"},
        {"rule=[\"margin\", \"p_max * (patience >= 1)\"]",
         "threshold={margin = [0.5, [inf, 0.8]], \"p_max * (patience >= 1)\" = [0.3]}"}}) {
    const Suite suite =
        parse(minimal + "[train]\nconfig = \"part-small\"\ndata = \"t.h5\"\n", overrides);
    CHECK(bench::parse_suite(bench::to_toml(suite), "again", "/elsewhere", {}) == suite);
  }
}

TEST_CASE("mistakes are named with their place and what would be right") {
  CHECK_THROWS_WITH(parse(minimal + "treshold = 0.5\n"),
                    Contains("two.toml") && Contains("treshold") && Contains("threshold"));
  CHECK_THROWS_WITH(parse(minimal, {"bach=[1]"}), Contains("bach") && Contains("'batch'"));
  CHECK_THROWS_WITH(parse(minimal, {"batch"}), Contains("key=value"));
  CHECK_THROWS_WITH(parse(minimal, {"batch=0"}), Contains("at least 1"));
  CHECK_THROWS_WITH(parse(minimal, {"batch=[1,1]"}), Contains("repetitions"));
  CHECK_THROWS_WITH(parse(minimal, {"rule=confidense"}), Contains("confidence"));
  CHECK_THROWS_WITH(parse(minimal, {"model=smal"}), Contains("'small'"));
  CHECK_THROWS_WITH(parse(minimal, {"effort=quik"}), Contains("'quick'"));
  CHECK_THROWS_WITH(parse(minimal, {"threshold=0.5:0.9"}), Contains("-a threshold=0.5:0.9"));
  CHECK_THROWS_WITH(parse("name = \n"), Contains("line 1"));
  CHECK_THROWS_WITH(parse(minimal, {"threshold=1.5"}), Contains("from 0 to 1, not 1.5"));
  CHECK_NOTHROW(parse(minimal, {"threshold=[[2.0, 0.8]]"}));  // passes one exit by
  CHECK_THROWS_WITH(parse("name = \"x\"\n"), Contains("data is missing; name the file of jets"));
  CHECK_THROWS_WITH(parse(minimal.substr(0, minimal.find("scenario"))),
                    Contains("[axes] scenario is missing; give offline or single_stream"));
  CHECK_THROWS_WITH(parse("name = \"x\"\n[models.a]\nfeatures = \"kin\"\n"), Contains("weights"));
  CHECK_THROWS_AS(parse(minimal, {"scenario=server"}), InputError);
}

TEST_CASE("names of a suite do not lead out of the campaign's folder") {
  const auto with_model = [](const std::string& model) {
    return minimal + "[models.\"" + model + "\"]\nweights = \"w.h5\"\n";
  };
  CHECK_NOTHROW(parse(with_model("part small (2)")));
  for (const char* name : {"../../outside", "/tmp/outside", "..", ".hidden", "", "a/b", "a\\nb"}) {
    INFO(name);
    CHECK_THROWS_WITH(parse(with_model(name)), Contains("two.toml: [models.<name>]"));
    CHECK_THROWS_WITH(parse("name = \"" + std::string(name) + "\"\n"), Contains("two.toml: name"));
  }
}
