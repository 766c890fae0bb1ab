#include "eebench/report/comparison.hpp"

#include <catch2/catch.hpp>

using namespace eebench;
using report::Verdict;

namespace {

Verdict verdict(std::size_t repeats, double p, double low, double high) {
  report::ComparedPoint point;
  point.a.resize(repeats);
  point.b.resize(9);
  point.p = p;
  point.interval = {low, high};
  return report::verdict_of(point);
}

}  // namespace

TEST_CASE("a verdict takes repeats, the test and the interval together") {
  CHECK(verdict(9, 0.01, 1.01, 1.2) == Verdict::slow);
  CHECK(verdict(9, 0.01, 0.8, 0.99) == Verdict::fast);
  CHECK(verdict(9, 0.4, 0.97, 1.02) == Verdict::same);
  CHECK(verdict(9, 0.4, 0.8, 1.02) == Verdict::ambiguous);   // too wide to be called the same
  CHECK(verdict(9, 0.2, 1.01, 1.2) == Verdict::ambiguous);   // the interval alone
  CHECK(verdict(9, 0.01, 0.99, 1.2) == Verdict::ambiguous);  // the test alone
  CHECK(verdict(8, 0.01, 1.01, 1.2) == Verdict::ambiguous);  // too few repeats
}
