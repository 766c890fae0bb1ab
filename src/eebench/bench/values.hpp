#pragma once

#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace eebench::bench {

inline constexpr double not_available = std::numeric_limits<double>::quiet_NaN();

/// Numbers of a point by the names of the schema, row-major in the shape given there but with the
/// network's own number of exits. What is left out stays at its fill value.
using Values = std::map<std::string, std::vector<double>, std::less<>>;

}  // namespace eebench::bench
