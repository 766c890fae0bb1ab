#pragma once

#include "eebench/bench/task_reader.hpp"
#include "eebench/report/table.hpp"

namespace eebench::report {

/// For programs: every variable that a point has one of, and those along exit, class or percentile
/// as "name[coordinate]", at full precision, without units (those of results/README.md). One row a
/// point that is `ok`, in file order.
Table points_table(const bench::TaskReader& task);

}  // namespace eebench::report
