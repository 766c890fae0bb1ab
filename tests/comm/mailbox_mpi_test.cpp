#include <catch2/catch.hpp>

#include "eebench/comm/mailbox.hpp"
#include "eebench/core/error.hpp"

using namespace eebench;

TEST_CASE("messages of any size come once, whole, and in the order they were sent in") {
  const auto world = comm::Communicator::world();
  comm::Mailbox mailbox(world);
  // Beyond what MPI sends without asking, and nothing at all.
  const std::vector<std::size_t> sizes{0, 1, 300'000, 17, 2'000'000, 0, 5};
  for (std::size_t number = 0; number < sizes.size(); ++number) {
    for (int to = 0; to < world.size(); ++to) {
      mailbox.send(to, static_cast<int>(number),
                   std::vector<std::byte>(sizes[number], static_cast<std::byte>(world.rank() + 1)));
    }
  }
  std::vector<std::size_t> next(static_cast<std::size_t>(world.size()));
  bool right = true;
  for (std::size_t missing = sizes.size() * next.size(); missing > 0;) {
    mailbox.sent();
    if (const auto message = mailbox.receive()) {
      --missing;
      const std::size_t number = next[static_cast<std::size_t>(message->from)]++;
      right = right && message->kind == static_cast<int>(number) &&
              message->bytes ==
                  std::vector<std::byte>(sizes[number], static_cast<std::byte>(message->from + 1));
    }
  }
  CHECK(right);
  while (!mailbox.sent()) {
  }
  CHECK_FALSE(mailbox.receive());
}

TEST_CASE("one rank without MPI has no mailbox") {
  CHECK_THROWS_AS(comm::Mailbox(comm::Communicator()), Error);
}
