#include "eebench/sys/files.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

auto entries(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

}  // namespace

TEST_CASE("Published text replaces the file and leaves nothing else") {
  const test::ScratchDir scratch;
  sys::publish_text(scratch / "a", "one");
  sys::publish_text(scratch / "a", "two");
  CHECK(content(scratch / "a") == "two");
  CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("A writer that fails leaves the old file") {
  const test::ScratchDir scratch;
  sys::publish_text(scratch / "a", "one");
  CHECK_THROWS_WITH(sys::publish(scratch / "a",
                                 [](const fs::path& temporary) {
                                   std::ofstream(temporary) << "half";
                                   throw std::runtime_error("disk on fire");
                                 }),
                    "disk on fire");
  CHECK(content(scratch / "a") == "one");
  CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("A finished file moves into place") {
  const test::ScratchDir scratch;
  std::ofstream(scratch / "a.part") << "all";
  sys::publish_finished(scratch / "a.part", scratch / "a");
  CHECK(content(scratch / "a") == "all");
  CHECK(entries(scratch.path()) == 1);
}

TEST_CASE("Appended lines stand one after another") {
  const test::ScratchDir scratch;
  sys::append_durably(scratch / "journal", "1\n");
  sys::append_durably(scratch / "journal", "2\n");
  CHECK(content(scratch / "journal") == "1\n2\n");
}

TEST_CASE("A folder that is not there is an error that names it") {
  using Catch::Matchers::Contains;
  CHECK_THROWS_WITH(sys::publish_text("/nonexistent/a", "x"), Contains("/nonexistent/a"));
  CHECK_THROWS_AS(sys::append_durably("/nonexistent/a", "x"), IoError);
  CHECK_THROWS_AS(sys::free_bytes("/nonexistent"), IoError);
  CHECK_THROWS_AS(sys::file_system("/nonexistent"), IoError);
}

TEST_CASE("A place that cannot be written is found before the work; a try leaves nothing") {
  using Catch::Matchers::Contains;
  const test::ScratchDir scratch;
  sys::check_writable(scratch / "a");
  CHECK(entries(scratch.path()) == 0);
  fs::create_directory(sys::part_of(scratch / "a"));
  CHECK_THROWS_WITH(sys::check_writable(scratch / "a"), Contains("a.part: cannot be written"));
  sys::make_writable_folder(scratch / "b" / "c");
  CHECK(fs::is_directory(scratch / "b" / "c"));
  sys::publish_text(scratch / "file", "x");
  CHECK_THROWS_WITH(sys::make_writable_folder(scratch / "file" / "c"),
                    Contains("file/c") && Contains("choose another folder"));
}

TEST_CASE("What is no file to read is named for what it is") {
  using Catch::Matchers::Contains;
  const test::ScratchDir scratch;
  sys::publish_text(scratch / "file", "x");
  CHECK_NOTHROW(sys::check_is_file(scratch / "file"));
  CHECK_THROWS_WITH(sys::check_is_file(scratch / "none"), Contains("none: no such file"));
  CHECK_THROWS_WITH(sys::check_is_file(scratch / "file" / "below"),
                    Contains("below: no such file"));
  CHECK_THROWS_WITH(sys::check_is_file(scratch.path()), Contains("is a folder"));
  CHECK_THROWS_AS(sys::check_is_file("/dev/null"), InputError);
}

TEST_CASE("Free space and kind of a file system are known") {
  const test::ScratchDir scratch;
  CHECK(sys::free_bytes(scratch.path()) > 0);
  CHECK_FALSE(sys::file_system(scratch.path()).empty());
  CHECK(sys::file_system("/proc") == "0x9fa0");
}
