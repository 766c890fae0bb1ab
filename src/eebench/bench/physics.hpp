#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eebench/bench/grid.hpp"
#include "eebench/bench/values.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/store/all_exits.hpp"

namespace eebench::bench {

/// Costs of every jet of a pass at every exit, by the network's formulas.
struct CostTable {
  std::vector<double> multiply_adds;        ///< [jets, exits] every head on the way
  std::vector<double> flops;                ///< the same
  std::vector<double> plain_multiply_adds;  ///< [jets, exits] only the head of that exit
  std::vector<double> plain_flops;
  std::vector<double> parameters;        ///< [exits] every head on the way
  std::vector<double> plain_parameters;  ///< [exits]
};

CostTable cost_table(const exec::Executor& executor, std::span<const std::int64_t> multiplicity);

/// How intervals are drawn.
struct Bootstrap {
  std::uint64_t seed = 0;
  std::int64_t replicas = 200;
};

/// Rule of a point for its network: what was fitted for that, and the names of its classes. Throws
/// InputError as exits::make_rule does.
exits::Rule rule_of(const Point& point, const exits::Fits& fits,
                    std::span<const std::string> classes);

/// Exit [jets] that each jet takes at this point.
std::vector<std::int32_t> replayed_exits(const store::AllExits& jets, const Point& point,
                                         const exits::Rule& rule);

/// Every variable marked `replayed`, from one all-exits pass.
Values replayed_values(const store::AllExits& jets, const CostTable& costs, const Point& point,
                       const exits::Rule& rule, const Bootstrap& bootstrap);

}  // namespace eebench::bench
