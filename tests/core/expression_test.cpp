#include "eebench/core/expression.hpp"

#include <cmath>
#include <map>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"

using Catch::Matchers::Contains;
using eebench::Column;
using eebench::Expression;
using eebench::InputError;

namespace {

const std::map<std::string, Column> columns{{"x", {-2.0F, 0.5F, 3.0F}}, {"y", {4.0F, 0.0F, 3.0F}}};

Column evaluate(const std::string& text) {
  return Expression(text).evaluate(
      [](const std::string& name) -> const Column& { return columns.at(name); }, 3);
}

}  // namespace

TEST_CASE("precedence and associativity are Python's") {
  CHECK(evaluate("1 + x * 2 ** 2") == Column{-7.0F, 3.0F, 13.0F});
  CHECK(evaluate("-x**2") == Column{-4.0F, -0.25F, -9.0F});
  CHECK(evaluate("2 ** 3 ** 2 - x*0") == Column{512.0F, 512.0F, 512.0F});
  CHECK(evaluate("8 / 4 / 2 + 0*x") == Column{1.0F, 1.0F, 1.0F});
  CHECK(evaluate("(x - y) - 1") == Column{-7.0F, -0.5F, -1.0F});
  CHECK(evaluate("1.5e1 + x") == Column{13.0F, 15.5F, 18.0F});
}

TEST_CASE("comparisons and logic give one and zero") {
  CHECK(evaluate("x <= 0.5") == Column{1.0F, 1.0F, 0.0F});
  CHECK(evaluate("x == y") == Column{0.0F, 0.0F, 1.0F});
  CHECK(evaluate("(x > 0) & (y > 0)") == Column{0.0F, 0.0F, 1.0F});
  CHECK(evaluate("(x < 0) | ~(y != 0)") == Column{1.0F, 1.0F, 0.0F});
  CHECK(evaluate("np.where(x > 0, x, -x)") == Column{2.0F, 0.5F, 3.0F});
}

TEST_CASE("functions work with and without their module") {
  CHECK(evaluate("np.hypot(x, y)")[2] == Approx(std::sqrt(18.0)));
  CHECK(evaluate("ak.ones_like(x)") == Column{1.0F, 1.0F, 1.0F});
  CHECK(evaluate("np.clip(x, -1, 1)") == Column{-1.0F, 0.5F, 1.0F});
  CHECK(evaluate("np.sign(x) * abs(x)") == columns.at("x"));
  CHECK(evaluate("np.maximum(x, y) - np.minimum(x, y)") == Column{6.0F, 0.5F, 0.0F});
  CHECK(evaluate("math.sqrt(y)")[0] == 2.0F);
  CHECK(std::isnan(evaluate("np.log(x)")[0]));
}

TEST_CASE("the columns that are read are known, each once") {
  CHECK(Expression("np.log(part_pt/jet_pt) + part_pt").names() ==
        std::vector<std::string>{"part_pt", "jet_pt"});
}

TEST_CASE("an expression that would nest too deep is refused") {
  const std::string deep = std::string(100'000, '(') + "x";
  CHECK_THROWS_AS(Expression(deep), InputError);
  CHECK_THROWS_WITH(Expression(deep), Contains("longer than 1000 characters"));
  CHECK_THROWS_AS(Expression(std::string(999, '-')), InputError);
}

TEST_CASE("what is not supported is named, with what is") {
  for (const char* text : {"np.cbrt(x)", "x.sum()", "x[0]", "1 +", "(x", "np.hypot(x)", "x y",
                           "lambda: 1", "x < y < 3", "", "math.pi", "np.log(x, y"}) {
    INFO(text);
    CHECK_THROWS_AS(Expression(text), InputError);
    CHECK_THROWS_WITH(Expression(text), Contains(std::string("'") + text + "'") &&
                                            Contains("supported are") && Contains("hypot"));
  }
}
