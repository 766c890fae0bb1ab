#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace eebench::bench {

/// What in a task file or a merged one is not as results/README.md has it, a line each: variables,
/// types, dimensions, units, marks, attributes, hashes, ids, enumerations, and numbers that
/// contradict each other. Files of earlier minor versions may lack what came later. Throws
/// InputError where the file cannot be opened or is of another major version.
std::vector<std::string> violations(const std::filesystem::path& path);

}  // namespace eebench::bench
