#pragma once

#include <memory>
#include <string>

#include "eebench/bench/subject.hpp"
#include "tests/support/fake_executor.hpp"

namespace eebench::test {

/// A network with jets to report on and others to choose thresholds on.
inline bench::Subject fake_subject(const FakeExecutor::Settings& settings, std::int64_t jets) {
  bench::Subject subject;
  subject.executor = std::make_unique<FakeExecutor>(settings);
  subject.weights_sha256 = "weights of " + std::to_string(settings.exits) + " exits";
  subject.classes = ten_classes();
  subject.jets = {"fake jets", jets, fake_jets};
  subject.choosing = {"other fake jets", jets, [=](std::int64_t begin, std::int64_t end) {
                        return fake_jets(begin + jets, end + jets);
                      }};
  return subject;
}

}  // namespace eebench::test
