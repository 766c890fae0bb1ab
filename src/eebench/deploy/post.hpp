#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "eebench/comm/mailbox.hpp"
#include "eebench/deploy/plan.hpp"

namespace eebench::deploy {

enum class Kind : int {
  batch,    ///< jets for the next tier
  credit,   ///< such a batch has been run
  end,      ///< the sender has no more of them
  answers,  ///< for the rank that reads the jets
};

/// Messages between the ranks of a plan. Over emulated links they are handed over when such a link
/// would have brought them: each pair of ranks has one of its own, busy while bytes pass, and
/// what skips tiers passes their links one after another. The time of sending is that of the
/// system's clock: on several nodes emulated times are as right as their clocks agree.
class Post {
 public:
  struct Letter {
    std::int64_t from;
    Kind kind;
    std::vector<std::byte> content;
  };

  Post(const comm::Communicator& comm, const Plan& plan);

  /// Returns the bytes sent.
  std::size_t send(std::int64_t to, Kind kind, const std::vector<std::byte>& content);
  /// The next letter that may be handed over; those of one rank keep their order.
  std::optional<Letter> receive();
  /// Whether everything that was sent has left this rank.
  bool sent() { return mailbox_.sent(); }

 private:
  struct Waiting {
    double due;  ///< s, of the system's clock
    Letter letter;
  };
  struct Line {  ///< from one rank to this one
    Link link;
    double free = 0.0;  ///< s, when all before has passed
    std::deque<Waiting> waiting;
  };

  comm::Mailbox mailbox_;
  std::vector<Line> lines_;  ///< [ranks]
};

}  // namespace eebench::deploy
