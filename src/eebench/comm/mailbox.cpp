#include "eebench/comm/mailbox.hpp"

#include <climits>
#include <utility>

#include <fmt/format.h>
#include <mpi.h>

#include "eebench/comm/mpi_check.hpp"
#include "eebench/core/error.hpp"

namespace eebench::comm {
namespace {

MPI_Comm native(const Communicator& comm) { return *static_cast<const MPI_Comm*>(comm.native()); }

}  // namespace

struct Mailbox::Sending {
  std::vector<std::byte> bytes;  // must stay where they are until they are gone
  MPI_Request request = MPI_REQUEST_NULL;
};

Mailbox::Mailbox(const Communicator& comm) : comm_(comm) {
  if (comm_.native() == nullptr) {
    throw Error(ExitCode::internal, "a mailbox needs a communicator of MPI");
  }
}

Mailbox::~Mailbox() = default;

void Mailbox::send(int to, int kind, std::vector<std::byte> bytes) {
  if (bytes.size() > INT_MAX) {
    throw InputError(fmt::format("a message of {} bytes is more than MPI takes; make batch smaller",
                                 bytes.size()));
  }
  sent();  // lets go of what is gone
  sending_.push_back(std::make_unique<Sending>());
  Sending& sending = *sending_.back();
  sending.bytes = std::move(bytes);
  // NOLINTNEXTLINE(clang-analyzer-optin.mpi.MPI-Checker): sent() asks whether it is done
  check_mpi(MPI_Isend(sending.bytes.data(), static_cast<int>(sending.bytes.size()), MPI_BYTE, to,
                      kind, native(comm_), &sending.request),
            "MPI_Isend");
}

std::optional<Mailbox::Message> Mailbox::receive() {
  int arrived = 0;
  MPI_Status status;
  check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, native(comm_), &arrived, &status),
            "MPI_Iprobe");
  if (arrived == 0) {
    return {};
  }
  int count = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
  Message message{status.MPI_SOURCE, status.MPI_TAG,
                  std::vector<std::byte>(static_cast<std::size_t>(count))};
  check_mpi(MPI_Recv(message.bytes.data(), count, MPI_BYTE, message.from, message.kind,
                     native(comm_), MPI_STATUS_IGNORE),
            "MPI_Recv");
  return message;
}

bool Mailbox::sent() {
  std::erase_if(sending_, [](const std::unique_ptr<Sending>& sending) {
    int done = 0;
    check_mpi(MPI_Test(&sending->request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
  return sending_.empty();
}

}  // namespace eebench::comm
