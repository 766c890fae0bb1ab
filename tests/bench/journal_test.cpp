#include "eebench/bench/journal.hpp"

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/scratch_dir.hpp"

using namespace eebench;

TEST_CASE("a journal gives back its lines and ignores what was cut off or damaged") {
  const test::ScratchDir scratch;
  const auto path = scratch.path() / "journal.jsonl";
  const bench::Journal journal(path);
  CHECK_FALSE(journal.exists());
  CHECK(journal.read().empty());
  journal.rewrite({});
  CHECK(journal.exists());
  journal.append({{3, "abc", true, 1.5, ""}, {1, "def", false, 0.25, "it \"broke\"\nbadly"}});
  std::ofstream(path, std::ios::app) << R"({"point":7,"id":"gh)";
  const auto entries = journal.read();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].point == 3);
  CHECK(entries[0].ok);
  CHECK(entries[0].seconds == 1.5);
  CHECK(entries[1].id == "def");
  CHECK_FALSE(entries[1].ok);
  CHECK(entries[1].error == "it \"broke\"\nbadly");
  std::ofstream(path) << R"({"point":"3","id":"abc","state":"ok"})" << '\n';
  CHECK(journal.read().empty());
  std::ofstream(path) << "{\"point\":3}\n";
  CHECK(journal.read().empty());
  journal.rewrite({entries[1]});
  CHECK(journal.read().size() == 1);
}
