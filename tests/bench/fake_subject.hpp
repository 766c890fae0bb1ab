#pragma once

#include <memory>
#include <string>

#include "eebench/bench/subject.hpp"
#include "tests/support/fake_executor.hpp"

namespace eebench::test {

inline bench::Subject fake_subject(const FakeExecutor::Settings& settings, std::int64_t jets) {
  bench::Subject subject;
  subject.executor = std::make_unique<FakeExecutor>(settings);
  subject.weights_sha256 = "weights of " + std::to_string(settings.exits) + " exits";
  subject.data_sha256 = "fake jets";
  subject.classes = ten_classes();
  subject.jets = jets;
  subject.read = fake_jets;
  return subject;
}

}  // namespace eebench::test
