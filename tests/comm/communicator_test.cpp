#include "eebench/comm/communicator.hpp"

#include <array>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/comm/share.hpp"
#include "eebench/core/error.hpp"

// No MPI session exists in this program.
using namespace eebench;
using comm::Communicator;
using comm::Reduce;

TEST_CASE("a communicator alone is one rank and needs no MPI") {
  const Communicator alone;
  CHECK(alone.rank() == 0);
  CHECK(alone.size() == 1);
  CHECK(alone.local_rank() == 0);
  CHECK(alone.local_size() == 1);
  CHECK(alone.native() == nullptr);
  alone.barrier();
  CHECK(alone.all_reduce(2.5, Reduce::sum) == 2.5);
  CHECK_FALSE(alone.all(false));
  CHECK(alone.broadcast("text") == "text");
  CHECK(alone.all_gather("text") == std::vector<std::string>{"text"});
  const std::array<double, 2> values{1.0, 2.0};
  CHECK(alone.all_gather(std::span<const double>(values)) == std::vector<double>{1.0, 2.0});
}

TEST_CASE("alone, an agreed action keeps its error") {
  const Communicator alone;
  CHECK_NOTHROW(alone.agree([] {}));
  CHECK_THROWS_AS(alone.agree([] { throw InputError("bad"); }), InputError);
  CHECK_THROWS_WITH(alone.agree([] { throw std::runtime_error("defect"); }), "defect");
}

TEST_CASE("the world needs an MPI session") { CHECK_THROWS_AS(Communicator::world(), Error); }

TEST_CASE("back end self leaves the numbers alone and counts them") {
  const auto reducer = comm::make_all_reducer("self", Communicator());
  std::array<float, 3> values{1.0F, 2.0F, 3.0F};
  reducer->start({values.data(), values.size(), comm::Scalar::float32});
  reducer->wait();
  CHECK(values == std::array<float, 3>{1.0F, 2.0F, 3.0F});
  CHECK(reducer->bytes() == 12.0);
}

TEST_CASE("an unknown back end is refused with the known ones") {
  CHECK_THROWS_WITH(comm::make_all_reducer("gloo", Communicator()),
                    Catch::Matchers::Contains("'self', 'mpi' and 'nccl'"));
}

TEST_CASE("shares cover the jets without gap or overlap") {
  for (const std::int64_t jets : {0, 1, 7, 100}) {
    std::int64_t end = 0;
    for (int rank = 0; rank < 4; ++rank) {
      const auto share = comm::share_of(jets, rank, 4);
      CHECK(share.begin == end);
      CHECK(share.end - share.begin <= (jets + 3) / 4);
      end = share.end;
    }
    CHECK(end == jets);
  }
}
