#include "eebench/cli/output.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::cli {

void check_writable(const std::filesystem::path& file) {
  const std::filesystem::path part = file.string() + ".part";
  const bool was_there = std::filesystem::exists(part);
  errno = 0;
  if (!std::ofstream(part, std::ios::app)) {
    throw InputError(fmt::format("{}: cannot be written ({}); free the place or name another",
                                 part.string(), std::generic_category().message(errno)));
  }
  if (!was_there) {
    std::filesystem::remove(part);
  }
}

}  // namespace eebench::cli
