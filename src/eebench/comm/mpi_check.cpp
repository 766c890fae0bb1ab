#include "eebench/comm/mpi_check.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>
#include <mpi.h>

#include "eebench/core/error.hpp"

namespace eebench::comm {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) {
    return;
  }
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw Error(ExitCode::internal,
              fmt::format("{} failed: {}", call,
                          std::string_view(text.data(), static_cast<std::size_t>(length))));
}

}  // namespace eebench::comm
