#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eebench/bench/grid.hpp"
#include "eebench/bench/physics.hpp"
#include "eebench/bench/subject.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/exits/gate.hpp"
#include "eebench/store/all_exits.hpp"

namespace eebench::bench {

/// \collective Fills in thresholds, `chosen_accuracy` and `chosen_cost` of the points of network
/// `model` that ask for it: of all settings on the Pareto front of these jets (exits/choose.hpp)
/// the cheapest whose accuracy is at most `max_loss` below that of the last exit on the same jets.
/// No margin is kept for the scatter of the sample; `accuracy_loss` of other jets shows what it is
/// worth there. The root's jets count.
void choose_thresholds(const comm::Communicator& comm, std::span<Point> points, std::int64_t model,
                       const store::AllExits& jets, const CostTable& costs,
                       const exits::Fits& fits);

/// \collective Of the first jets of `a`, those that are also among the first of `b`: with the same
/// label and the same inputs. Every rank holds eight bytes for each jet of `b`. No network is run.
std::int64_t jets_in_common(const comm::Communicator& comm, const Jets& a, std::int64_t jets_of_a,
                            const Jets& b, std::int64_t jets_of_b, const store::Advance& advance);

}  // namespace eebench::bench
