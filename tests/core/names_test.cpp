#include "eebench/core/names.hpp"

#include <array>

#include <catch2/catch.hpp>

using namespace eebench;
using Catch::Matchers::Equals;

namespace {
enum class Colour { red, green };
constexpr std::array table{Named<Colour>{Colour::red, "red"},
                           Named<Colour>{Colour::green, "green"}};
const std::span<const Named<Colour>> colours(table);
}  // namespace

TEST_CASE("Edit distance counts single-character edits") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("sitting", "kitten") == 3);
}

TEST_CASE("Values and names of an enumeration find each other") {
  CHECK(value_of(colours, "colour", "green") == Colour::green);
  CHECK(name_of(colours, Colour::red) == "red");
}

TEST_CASE("An unknown name is answered with the nearest and with all") {
  CHECK_THROWS_WITH(value_of(colours, "colour", "gren"),
                    Equals("unknown colour 'gren' (did you mean 'green'?); there are: red, green"));
  CHECK_THROWS_WITH(value_of(colours, "colour", "ultraviolet"),
                    Equals("unknown colour 'ultraviolet'; there are: red, green"));
  CHECK_THROWS_AS(value_of(colours, "colour", ""), InputError);
}
