#include <filesystem>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/core/error.hpp"

using namespace eebench;
using comm::Communicator;

TEST_CASE("back end mpi sums every buffer over the ranks") {
  const Communicator world = Communicator::world();
  const auto reducer = comm::make_all_reducer("mpi", world);
  std::vector<double> doubles(1000, world.rank() + 1.0);
  std::vector<float> floats(7, 0.5F);
  reducer->start({doubles.data(), doubles.size(), comm::Scalar::float64});
  reducer->start({floats.data(), floats.size(), comm::Scalar::float32});
  reducer->wait();
  const double n = world.size();
  CHECK(doubles == std::vector<double>(1000, n * (n + 1) / 2));
  CHECK(floats == std::vector<float>(7, static_cast<float>(0.5 * n)));
  CHECK(reducer->bytes() == 8028.0);
  CHECK(reducer->seconds_blocked() > 0.0);
  CHECK(reducer->seconds_running() == reducer->seconds_blocked());  // it blocks: nothing is hidden
  CHECK(reducer->seconds_hidden() == 0.0);
}

TEST_CASE("back end self is refused on several ranks") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) {
    CHECK(comm::make_all_reducer("self", world)->name() == "self");
  } else {
    CHECK_THROWS_AS(comm::make_all_reducer("self", world), InputError);
  }
}

TEST_CASE("back end nccl says what to do where it cannot run") {
#ifdef EEBENCH_HAVE_NCCL
  if (std::filesystem::exists("/dev/nvidiactl")) {
    return;  // a GPU is here: eebench_cuda_tests is the test
  }
  const std::string remedy = "run where there is one, or use 'mpi' with --device cpu";
#else
  const std::string remedy = "-DEEBENCH_NCCL=ON";
#endif
  const Communicator world = Communicator::world();
  CHECK_THROWS_AS(comm::make_all_reducer("nccl", world), EnvironmentError);
  CHECK_THROWS_WITH(comm::make_all_reducer("nccl", world), Catch::Matchers::Contains(remedy));
}
