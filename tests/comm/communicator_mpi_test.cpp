#include <array>
#include <numeric>
#include <stdexcept>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "eebench/comm/communicator.hpp"
#include "eebench/comm/node_cores.hpp"
#include "eebench/comm/same_input.hpp"
#include "eebench/core/error.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using comm::Communicator;
using comm::Reduce;

TEST_CASE("all-reduce over the world") {
  const Communicator world = Communicator::world();
  const int n = world.size();
  CHECK(world.all_reduce(static_cast<std::int64_t>(world.rank()), Reduce::sum) == n * (n - 1) / 2);
  CHECK(world.all_reduce(static_cast<double>(world.rank()), Reduce::max) == n - 1);
  std::array<float, 2> pair{1.0F, static_cast<float>(-world.rank())};
  world.all_reduce(pair, Reduce::min);
  CHECK(pair == std::array<float, 2>{1.0F, static_cast<float>(1 - n)});
  CHECK(world.all(true));
  CHECK_FALSE(world.all(world.rank() != n - 1));
}

TEST_CASE("collective calls of the world and its groups are recorded") {
  const Communicator world = Communicator::world();
  world.barrier();
  world.all_reduce(1.0, Reduce::sum);
  const Communicator group = world.first(1);
  group.all_gather(std::int64_t{1});
  const std::string text = world.flight_record()->text();
  CHECK_THAT(text, Contains("#1 MPI_Barrier of 0 bytes"));
  CHECK_THAT(text, Contains("MPI_Allreduce of 8 bytes"));
  CHECK((text.find("MPI_Allgather") != std::string::npos) == (world.rank() == 0));
  CHECK(Communicator().flight_record() == nullptr);
}

TEST_CASE("the odd rank is named, with its host, on all ranks") {
  const Communicator world = Communicator::world();
  CHECK_NOTHROW(comm::require_same("one", "program", world, "start one"));
  if (world.size() < 3) {
    return;  // nobody is in the majority
  }
  for (int odd = 0; odd < world.size(); ++odd) {
    const auto check = [&] {
      comm::require_same(world.rank() == odd ? "other" : "one", "program", world, "start one");
    };
    CHECK_THROWS_AS(check(), InputError);
    CHECK_THROWS_WITH(check(), Contains(fmt::format("program: rank {} on ", odd)) &&
                                   Contains(fmt::format("than {0} of {1} ranks; start one",
                                                        world.size() - 1, world.size())));
  }
}

TEST_CASE("all ranks of one machine are local") {
  const Communicator world = Communicator::world();
  CHECK(world.local_rank() == world.rank());
  CHECK(world.local_size() == world.size());
}

TEST_CASE("the first ranks are a group of their own, the others are alone") {
  const Communicator world = Communicator::world();
  for (int ranks = 1; ranks <= world.size(); ++ranks) {
    const Communicator group = world.first(ranks);
    const bool inside = world.rank() < ranks;
    CHECK(group.size() == (inside ? ranks : 1));
    CHECK(group.rank() == (inside ? world.rank() : 0));
    CHECK(group.all_reduce(std::int64_t{1}, Reduce::sum) == group.size());
  }
}

TEST_CASE("cores of a node are those of all its ranks, each counted once") {
  const Communicator world = Communicator::world();
  const std::array<std::int64_t, 2> mine{world.rank(), world.rank() + 1};
  CHECK(comm::node_cores(world, "node", mine) == world.size() + 1);
  CHECK(comm::node_cores(world, "node " + std::to_string(world.rank()), mine) == 2);
}

TEST_CASE("broadcast of texts of any length, from any rank") {
  const Communicator world = Communicator::world();
  const int last = world.size() - 1;
  const std::string mine(static_cast<std::size_t>(world.rank()) * 1000, 'x');
  CHECK(world.broadcast(mine, last).size() == static_cast<std::size_t>(last) * 1000);
  CHECK(world.broadcast(mine, 0).empty());
}

TEST_CASE("gathered values stand in rank order, lengths may differ") {
  const Communicator world = Communicator::world();
  const auto texts = world.all_gather(std::string(static_cast<std::size_t>(world.rank()), 'a'));
  const std::vector<float> mine(static_cast<std::size_t>(world.rank()),
                                static_cast<float>(world.rank()));
  const std::vector<float> all = world.all_gather(std::span<const float>(mine));
  std::vector<float> expected;
  CHECK(texts.size() == static_cast<std::size_t>(world.size()));
  for (int rank = 0; rank < world.size(); ++rank) {
    CHECK(texts[static_cast<std::size_t>(rank)].size() == static_cast<std::size_t>(rank));
    expected.insert(expected.end(), static_cast<std::size_t>(rank), static_cast<float>(rank));
  }
  CHECK(all == expected);
}

TEST_CASE("an error on one rank is thrown on all with its kind and text") {
  const Communicator world = Communicator::world();
  for (int bad = 0; bad < world.size(); ++bad) {
    CHECK_THROWS_AS(world.agree([&] {
      if (world.rank() == bad) {
        throw InputError("only here");
      }
    }),
                    InputError);
  }
  ExitCode code = ExitCode::ok;
  std::string text;
  try {
    world.agree([&] {
      if (world.rank() == world.size() - 1) {
        throw Error(ExitCode::preempted, "stopped by a signal");
      }
    });
  } catch (const Error& error) {
    code = error.code();
    text = error.what();
  }
  CHECK(code == ExitCode::preempted);
  CHECK(text == "stopped by a signal");
}

TEST_CASE("of several errors the one of the lowest rank is thrown everywhere") {
  const Communicator world = Communicator::world();
  const std::string lowest = world.size() > 1 ? "rank 1" : "rank 0";
  CHECK_THROWS_WITH(world.agree([&] {
    if (world.rank() > 0 || world.size() == 1) {
      throw std::runtime_error("rank " + std::to_string(world.rank()));
    }
  }),
                    lowest);
}

TEST_CASE("of a library's error the stack trace behind the first line is dropped") {
  const Communicator world = Communicator::world();
  CHECK_THROWS_WITH(world.agree([] { throw std::runtime_error("what\nframe #0\nframe #1\n"); }),
                    "what");
}

TEST_CASE("agreement on success throws nowhere and the communicator stays usable") {
  const Communicator world = Communicator::world();
  int runs = 0;
  CHECK_NOTHROW(world.agree([&] { ++runs; }));
  CHECK(world.all_reduce(static_cast<std::int64_t>(runs), Reduce::sum) == world.size());
}
