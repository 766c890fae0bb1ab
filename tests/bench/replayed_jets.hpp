#pragma once

#include <cstdint>

#include "eebench/bench/physics.hpp"
#include "tests/support/fake_executor.hpp"

namespace eebench::test {

/// What every exit of a made-up network says of made-up jets, and what it costs.
struct ReplayedJets {
  FakeExecutor executor{{}};
  store::AllExits jets;
  bench::CostTable costs;
  explicit ReplayedJets(std::int64_t count)
      : jets(store::all_exits_pass({}, executor, fake_jets, count, ten_classes())),
        costs(bench::cost_table(executor, jets.multiplicity)) {}
};

}  // namespace eebench::test
