#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "eebench/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace eebench::test {

/// Has `read` read the file that `write` makes, alone in its folder. It may refuse the file by an
/// error that blames it; whatever else it throws is a finding, as is what the sanitizers see. With
/// EEBENCH_FUZZ_SHOW set the errors are printed.
template <class Write, class Read>
int fuzz(const Write& write, const Read& read) {
  // Named as a checkpoint is, the only one whose name matters.
  static const std::filesystem::path file = std::filesystem::temp_directory_path() /
                                            fmt::format("eebench-fuzz-{}", getpid()) /
                                            "step-00000001.h5";
  std::filesystem::create_directories(file.parent_path());
  write(file);
  try {
    read(file);
  } catch (const Error& error) {
    if (error.code() == ExitCode::internal) {
      throw;
    }
    if (std::getenv("EEBENCH_FUZZ_SHOW") != nullptr) {
      fmt::print("{}\n", error.what());
    }
  }
  return 0;
}

/// The same with a file of these bytes.
template <class Read>
int fuzz(const std::uint8_t* data, std::size_t size, const Read& read) {
  return fuzz(
      [&](const std::filesystem::path& path) {
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
      },
      read);
}

}  // namespace eebench::test
