#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// Messages between any two ranks. Nobody waits for anybody: MPI moves them while ranks call
/// here. Nothing else may send from rank to rank on the communicator.
class Mailbox {
 public:
  struct Message {
    int from;
    int kind;  ///< at least 0; means what sender and receiver agree on
    std::vector<std::byte> bytes;
  };

  /// Throws where the communicator is without MPI.
  explicit Mailbox(const Communicator& comm);
  ~Mailbox();

  /// Throws InputError beyond 2 GiB.
  void send(int to, int kind, std::vector<std::byte> bytes);
  /// The next message that has come; those of one rank come in the order they were sent in.
  std::optional<Message> receive();
  /// Whether everything that was sent has left this rank.
  bool sent();

 private:
  struct Sending;
  Communicator comm_;
  std::vector<std::unique_ptr<Sending>> sending_;
};

}  // namespace eebench::comm
