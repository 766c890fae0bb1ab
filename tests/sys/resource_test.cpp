#include "eebench/sys/resource.hpp"

#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
namespace fs = std::filesystem;

TEST_CASE("What travels with eebench is found in the source tree") {
  CHECK(fs::equivalent(sys::find_resource("suites"), test::source_dir() / "suites"));
}

TEST_CASE("EEBENCH_SHARE comes first, and the error lists where was looked") {
  using Catch::Matchers::Contains;
  const test::ScratchDir scratch;
  std::ofstream(scratch / "mine.toml") << "";
  setenv("EEBENCH_SHARE", scratch.path().c_str(), 1);
  CHECK(sys::find_resource("mine.toml") == scratch / "mine.toml");
  CHECK_THROWS_WITH(sys::find_resource("no/such.toml"), Contains("no/such.toml") &&
                                                            Contains(scratch.path().string()) &&
                                                            Contains("share/eebench"));
  unsetenv("EEBENCH_SHARE");
  CHECK_THROWS_AS(sys::find_resource("mine.toml"), InputError);
}
