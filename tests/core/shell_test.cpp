#include "eebench/core/shell.hpp"

#include <array>
#include <cstdio>
#include <memory>

#include <catch2/catch.hpp>

using eebench::shell_quoted;

namespace {

/// What a program is handed where the shell reads `text` as one argument.
std::string read_by_shell(const std::string& text) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("printf %s " + text).c_str(), "r"),
                                                   &pclose);
  REQUIRE(pipe);
  std::string read;
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) {
    read += static_cast<char>(c);
  }
  return read;
}

}  // namespace

TEST_CASE("Plain words are not quoted") {
  for (const char* word : {"--suite", "threshold=0.5:0.9:0.1", "results/a_b-1,2", "-o"}) {
    CHECK(shell_quoted(word) == word);
  }
}

TEST_CASE("What a shell would understand is quoted") {
  CHECK(shell_quoted("") == "''");
  CHECK(shell_quoted("batch=[1,64]") == "'batch=[1,64]'");
  CHECK(shell_quoted("it's") == "'it'\\''s'");
}

TEST_CASE("A shell reads a quoted word as the word") {
  constexpr std::array words{"my jets.h5",    "choose={data=\"x.h5\",loss=0.001}",
                             "it's",          "''",
                             "$HOME `id` \\", "~/jets",
                             "a*?[b]!#;&|<>", "{a,b}",
                             "two\nlines\t",  "Zürich"};
  for (const char* word : words) {
    CHECK(read_by_shell(shell_quoted(word)) == word);
  }
}
