#include "eebench/deploy/plan.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/exits/rule.hpp"
#include "tests/support/scratch_dir.hpp"

namespace eebench::deploy {
namespace {

const std::string sound = R"(weights = "net.h5"
data = "jets.h5"
rule = "margin"
batch = 16
[[tiers]]
name = "device"
threshold = 0.9
[[tiers]]
name = "edge"
segments = 2
ranks = 3
threshold = [0.8, 0.7]
link = {latency_ms = 20, bandwidth_mbit = 80}
[[tiers]]
name = "server"
ranks = 2
)";

Plan plan_of(const std::string& text) {
  const test::ScratchDir dir;
  std::ofstream(dir.path() / "plan.toml") << text;
  return load_plan(dir.path() / "plan.toml");
}

std::string changed(const std::string& before, const std::string& after) {
  std::string text = sound;
  const std::size_t at = text.find(before);
  REQUIRE(at != std::string::npos);
  return text.replace(at, before.size(), after);
}

TEST_CASE("a plan says who runs which segments") {
  const Plan plan = plan_of(sound);
  CHECK(plan.rule == "margin");
  CHECK(plan.ranks() == 6);
  REQUIRE(plan.tiers.size() == 3);
  CHECK(plan.first_rank(1) == 1);
  CHECK(plan.tier_of(0) == 0);
  CHECK(plan.tier_of(3) == 1);
  CHECK(plan.tier_of(4) == 2);
  CHECK(plan.segments_of(1).first == 1);
  CHECK(plan.segments_of(1).last == 3);
  CHECK(plan.weights.filename() == "net.h5");
  CHECK(plan.weights.is_absolute());
  CHECK(plan.tiers[1].link.latency == Approx(0.02));
  CHECK(plan.tiers[1].link.bandwidth == Approx(1e7));  // bytes
  CHECK(plan.emulated());
  CHECK_FALSE(plan.tiers[2].link.emulated());
  CHECK(thresholds_for(plan, 4) == std::vector<double>{0.9, 0.8, 0.7});
  CHECK_NOTHROW(check_ranks(plan, 6));
}

TEST_CASE("one threshold serves all exits of its tier, and `inf` passes one by") {
  CHECK(thresholds_for(plan_of(changed("[0.8, 0.7]", "0.6")), 4) ==
        std::vector<double>{0.9, 0.6, 0.6});
  CHECK(thresholds_for(plan_of(changed("threshold = 0.9", "threshold = inf")), 4)[0] ==
        exits::never_leave);
}

TEST_CASE("pieces are named after their tiers") {
  const Plan plan = plan_of(changed("weights = \"net.h5\"", "pieces = \"cut\""));
  CHECK(plan.weights_of(2).filename() == "server.h5");
  CHECK(plan.weights_of(2).parent_path().filename() == "cut");
}

TEST_CASE("mistakes in a plan are named with their place and what would be right") {
  const auto refused = [](const std::string& before, const std::string& after,
                          const std::string& message) {
    CHECK_THROWS_WITH(plan_of(changed(before, after)),
                      Catch::Contains(message) && Catch::Contains("plan.toml"));
  };
  refused("batch = 16", "batsh = 16", "line 4 (did you mean 'batch'?)");
  refused("ranks = 3", "rank = 3", "unknown key of [tiers.1] 'rank'");
  refused("latency_ms", "latency", "did you mean 'latency_ms'");
  refused("batch = 16", "batch = 0", "batch must be from 1 to 1000000000, not 0");
  refused("ranks = 3", "ranks = 0", "ranks of tier 'edge' must be from 1");
  refused("ranks = 3", "ranks = \"many\"", "'ranks' must be an integer");
  refused("name = \"edge\"", "name = \"device\"", "two tiers are called 'device'");
  refused("name = \"edge\"", "", "[tiers.1] needs a name");
  refused("rule = \"margin\"", "rule = \"margn\"", "did you mean 'margin'");
  refused("data = \"jets.h5\"", "", "data is missing");
  refused("weights = \"net.h5\"", "", "name either weights, a file, or pieces");
  refused("latency_ms = 20", "latency_ms = -1", "latency_ms of [tiers.1.link] must be from 0");
  refused("bandwidth_mbit = 80", "bandwidth_mbit = 0", "must be above 0");
  refused("threshold = 0.9", "threshold = 0.9\nlink = {latency_ms = 1}", "'device' is the first");
  refused("batch = 16", "batch = ", "line 4: not TOML");
  CHECK_THROWS_WITH(plan_of("weights = \"w\"\ndata = \"d\"\n"), Catch::Contains("[[tiers]]"));
  CHECK_THROWS_WITH(load_plan("none.toml"), Catch::Contains("none.toml"));

  const auto unfit = [](const std::string& before, const std::string& after,
                        const std::string& message) {
    CHECK_THROWS_WITH(thresholds_for(plan_of(changed(before, after)), 4), Catch::Contains(message));
  };
  unfit("segments = 2", "segments = 1", "3 segments together, the network has 4");
  unfit("[0.8, 0.7]", "[0.8, 0.7, 0.6]", "tier 'edge': 3 given, but it has 2 early exits");
  unfit("threshold = 0.9", "", "tier 'device': 0 given, but it has 1 early exits");
  unfit("ranks = 2", "threshold = 0.5", "tier 'server': 1 given, but it has 0 early exits");
  unfit("threshold = 0.9", "threshold = -0.1", "a threshold of the rule margin must be");
  unfit("threshold = 0.9", "threshold = nan", "plan.toml: a threshold of the rule margin must be");
  CHECK_THROWS_WITH(check_ranks(plan_of(sound), 3), Catch::Contains("mpirun -n 6"));
}

}  // namespace
}  // namespace eebench::deploy
