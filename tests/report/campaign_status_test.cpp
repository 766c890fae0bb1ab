#include "eebench/report/campaign_status.hpp"

#include <vector>

#include <catch2/catch.hpp>

using namespace eebench;
using bench::ShardState;
using Catch::Matchers::Contains;

namespace {

bench::ShardStatus shard(ShardState state, std::int64_t ok, std::int64_t failed) {
  bench::ShardStatus status;
  status.points = 4;
  status.state = state;
  status.ok = ok;
  status.failed = failed;
  return status;
}

}  // namespace

TEST_CASE("a campaign has ended when every shard has, failed points or not") {
  std::vector<bench::ShardStatus> shards = {shard(ShardState::done, 4, 0),
                                            shard(ShardState::failed, 3, 1)};
  CHECK(report::all_ended(shards));
  CHECK_THAT(report::status_text("c", shards),
             Contains("All done: eebench merge") && Contains("--array=1"));
  for (const ShardState state : {ShardState::waiting, ShardState::running, ShardState::lost}) {
    shards[0].state = state;
    CHECK_FALSE(report::all_ended(shards));
    CHECK_THAT(report::status_text("c", shards), !Contains("All done"));
  }
}

TEST_CASE("a page says what the text says, loads itself anew until the end, and needs no network") {
  std::vector<bench::ShardStatus> shards = {shard(ShardState::running, 2, 0),
                                            shard(ShardState::lost, 1, 1)};
  const std::string page = report::status_page("a<b & \"c\"", shards, "2026-01-02T03:04:05Z", 2);
  CHECK_THAT(page, Contains("<meta http-equiv=\"refresh\" content=\"2\">"));
  CHECK_THAT(page, Contains("<h1>eebench: a&lt;b &amp; &quot;c&quot;</h1>"));
  CHECK_THAT(page, Contains("<progress value=\"4\" max=\"8\">"));
  CHECK_THAT(page, Contains("3 of 8 points measured, 1 failed"));
  CHECK_THAT(page,
             Contains("Submit again (lost or failed):</p>") && Contains("<code>sbatch --array=1 "));
  CHECK_THAT(page, Contains("<tr class=\"lost\">") && Contains("2026-01-02T03:04:05Z"));
  CHECK_THAT(page, !Contains("http://") && !Contains("https://") && !Contains("<script"));

  CHECK_THAT(report::status_page("c", shards, "now", 0), !Contains("http-equiv"));
  shards = {shard(ShardState::done, 4, 0)};
  CHECK_THAT(report::status_page("c", shards, "now", 2), !Contains("http-equiv"));
}
