#include <algorithm>
#include <climits>
#include <exception>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <mpi.h>

#include "eebench/comm/mpi_check.hpp"
#include "eebench/comm/transport.hpp"
#include "eebench/core/error.hpp"

namespace eebench::comm {
namespace {

MPI_Op mpi_op(Reduce op) {
  switch (op) {
    case Reduce::min:
      return MPI_MIN;
    case Reduce::max:
      return MPI_MAX;
    case Reduce::sum:
      break;
  }
  return MPI_SUM;
}

MPI_Datatype mpi_type(double) { return MPI_DOUBLE; }
MPI_Datatype mpi_type(float) { return MPI_FLOAT; }
MPI_Datatype mpi_type(std::int64_t) { return MPI_INT64_T; }

// MPI counts are int; longer messages go in pieces.
template <class T, class Call>
void in_pieces(std::span<T> values, const Call& call) {
  constexpr std::size_t longest = INT_MAX;
  for (std::size_t at = 0; at < values.size(); at += longest) {
    const auto piece = values.subspan(at, std::min(longest, values.size() - at));
    call(piece.data(), static_cast<int>(piece.size()));
  }
}

class MpiTransport final : public Transport {
 public:
  /// Takes over the communicator.
  explicit MpiTransport(MPI_Comm comm, std::shared_ptr<sys::FlightRecord> record)
      : record_(std::move(record)), comm_(comm) {
    check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
    MPI_Comm node = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node),
              "MPI_Comm_split_type");
    check_mpi(MPI_Comm_rank(node, &local_rank_), "MPI_Comm_rank");
    check_mpi(MPI_Comm_size(node, &local_size_), "MPI_Comm_size");
    check_mpi(MPI_Comm_free(&node), "MPI_Comm_free");
  }

  // Freeing is collective: not while an exception is under way on perhaps this rank alone.
  ~MpiTransport() override {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized == 0 && std::uncaught_exceptions() == 0) {
      MPI_Comm_free(&comm_);
    }
  }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }
  const void* native() const override { return &comm_; }
  const sys::FlightRecord* flight_record() const override { return record_.get(); }

  std::shared_ptr<const Transport> first(int ranks) const override {
    MPI_Comm group = MPI_COMM_NULL;
    check_mpi(MPI_Comm_split(comm_, rank_ < ranks ? 0 : MPI_UNDEFINED, rank_, &group),
              "MPI_Comm_split");
    return group == MPI_COMM_NULL ? nullptr : std::make_shared<const MpiTransport>(group, record_);
  }

  void barrier() const override {
    collective("MPI_Barrier", 0, [&] { return MPI_Barrier(comm_); });
  }

  void all_reduce(std::span<double> values, Reduce op) const override { reduce(values, op); }
  void all_reduce(std::span<float> values, Reduce op) const override { reduce(values, op); }
  void all_reduce(std::span<std::int64_t> values, Reduce op) const override { reduce(values, op); }

  void broadcast(std::span<std::byte> bytes, int root) const override {
    in_pieces(bytes, [&](void* data, int count) {
      collective("MPI_Bcast", static_cast<std::size_t>(count),
                 [&] { return MPI_Bcast(data, count, MPI_BYTE, root, comm_); });
    });
  }

  void all_gather(std::int64_t mine, std::span<std::int64_t> all) const override {
    collective("MPI_Allgather", sizeof mine, [&] {
      // NOLINTNEXTLINE(mpi-type-mismatch): std::int64_t is what MPI_INT64_T stands for
      return MPI_Allgather(&mine, 1, MPI_INT64_T, all.data(), 1, MPI_INT64_T, comm_);
    });
  }

  void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                  std::span<std::byte> all) const override {
    if (all.size() <= INT_MAX) {
      std::vector<int> lengths(counts.begin(), counts.end());
      std::vector<int> starts(counts.size());
      std::exclusive_scan(lengths.begin(), lengths.end(), starts.begin(), 0);
      collective("MPI_Allgatherv", mine.size(), [&] {
        return MPI_Allgatherv(mine.data(), static_cast<int>(mine.size()), MPI_BYTE, all.data(),
                              lengths.data(), starts.data(), MPI_BYTE, comm_);
      });
      return;
    }
    std::size_t start = 0;
    for (int root = 0; root < size_; ++root) {
      const auto part =
          all.subspan(start, static_cast<std::size_t>(counts[static_cast<std::size_t>(root)]));
      if (root == rank_) {
        std::copy(mine.begin(), mine.end(), part.begin());
      }
      broadcast(part, root);
      start += part.size();
    }
  }

 private:
  /// The one place where a collective call is made: it is recorded, and its result looked at.
  template <class Call>
  void collective(const char* name, std::size_t bytes, const Call& call) const {
    const sys::FlightRecord::Call recorded(*record_, name, bytes);
    check_mpi(call(), name);
  }

  template <class T>
  void reduce(std::span<T> values, Reduce op) const {
    in_pieces(values, [&](void* data, int count) {
      collective("MPI_Allreduce", static_cast<std::size_t>(count) * sizeof(T), [&] {
        return MPI_Allreduce(MPI_IN_PLACE, data, count, mpi_type(T{}), mpi_op(op), comm_);
      });
    });
  }

  std::shared_ptr<sys::FlightRecord> record_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  int local_rank_ = 0;
  int local_size_ = 1;
};

}  // namespace

Communicator Communicator::world() {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized == 0) {
    throw Error(ExitCode::internal, "Communicator::world() was called without an MpiSession");
  }
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm), "MPI_Comm_dup");
  Communicator world;
  world.transport_ =
      std::make_shared<const MpiTransport>(comm, std::make_shared<sys::FlightRecord>());
  return world;
}

}  // namespace eebench::comm
