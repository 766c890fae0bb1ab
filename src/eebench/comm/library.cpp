#include "eebench/comm/library.hpp"

#include <array>
#include <cstddef>

#include <mpi.h>

#include "eebench/comm/mpi_check.hpp"

namespace eebench::comm {

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  check_mpi(MPI_Get_library_version(text.data(), &length), "MPI_Get_library_version");
  const std::string all(text.data(), static_cast<std::size_t>(length));
  return all.substr(0, all.find_first_of("\n,"));
}

}  // namespace eebench::comm
