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
}

TEST_CASE("back end self is refused on several ranks") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) {
    CHECK(comm::make_all_reducer("self", world)->name() == "self");
  } else {
    CHECK_THROWS_AS(comm::make_all_reducer("self", world), InputError);
  }
}

#ifndef EEBENCH_HAVE_NCCL
TEST_CASE("back end nccl, not built in, says what to do") {
  const Communicator world = Communicator::world();
  CHECK_THROWS_AS(comm::make_all_reducer("nccl", world), EnvironmentError);
  CHECK_THROWS_WITH(comm::make_all_reducer("nccl", world),
                    Catch::Matchers::Contains("-DEEBENCH_NCCL=ON"));
}
#endif
