#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace eebench::test {

/// Root of the source tree; ctest sets the variable.
inline std::filesystem::path source_dir() {
  const char* dir = std::getenv("EEBENCH_SOURCE_DIR");
  return dir != nullptr ? dir : ".";
}

/// A file of tests/data.
inline std::filesystem::path data(const std::string& name) {
  return source_dir() / "tests" / "data" / name;
}

/// The full samples, which do not travel with the repository; empty where they are absent.
inline std::filesystem::path full_samples() {
  const char* dir = std::getenv("EEBENCH_TEST_DATA");
  const std::filesystem::path path =
      dir != nullptr ? std::filesystem::path(dir) : source_dir() / ".." / "shared" / "data";
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace eebench::test
