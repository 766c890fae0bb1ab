#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eebench/sys/flight_record.hpp"

namespace eebench::comm {

enum class Reduce { sum, min, max };

class Transport;

/// A group of ranks. Default-constructed it is one rank alone and makes no MPI call, so everything
/// above runs without mpirun. Copies share the same duplicated MPI communicator.
class Communicator {
 public:
  Communicator() = default;
  /// \collective The world of the running MpiSession, duplicated.
  static Communicator world();

  /// \collective The group of ranks 0 to `ranks` - 1; each of the others comes back alone.
  Communicator first(int ranks) const;

  int rank() const;
  int size() const;
  bool is_root() const { return rank() == 0; }
  /// Rank and number of ranks among those on this node.
  int local_rank() const;
  int local_size() const;

  /// \collective
  void barrier() const;
  /// \collective In place on every rank. Same length everywhere.
  void all_reduce(std::span<double> values, Reduce op) const;
  void all_reduce(std::span<float> values, Reduce op) const;
  void all_reduce(std::span<std::int64_t> values, Reduce op) const;
  double all_reduce(double value, Reduce op) const;
  std::int64_t all_reduce(std::int64_t value, Reduce op) const;
  /// \collective True where every rank says true.
  bool all(bool value) const;
  /// \collective The root's bytes, on every rank.
  void broadcast(std::span<std::byte> bytes, int root = 0) const;
  std::string broadcast(const std::string& text, int root = 0) const;
  /// \collective Every rank's values, in rank order, on every rank.
  std::vector<std::string> all_gather(const std::string& text) const;
  std::vector<double> all_gather(double value) const;
  std::vector<std::int64_t> all_gather(std::int64_t value) const;
  /// \collective Every rank's values one after another, on every rank; lengths may differ.
  std::vector<double> all_gather(std::span<const double> values) const;
  std::vector<float> all_gather(std::span<const float> values) const;
  std::vector<std::int64_t> all_gather(std::span<const std::int64_t> values) const;

  /// \collective Runs the action on every rank. If it threw on any of them, the error of the lowest
  /// such rank is thrown on all, so that wrong input seen by one rank ends the command in order,
  /// with one message and its own exit code. An exception that is not an eebench::Error arrives as
  /// one with ExitCode::internal.
  void agree(const std::function<void()>& action) const;

  /// Collective calls of the world and all groups made of it; null when alone.
  const sys::FlightRecord* flight_record() const;

  /// The MPI_Comm (as a pointer to it) for HDF5 and NCCL bootstrap; null when alone.
  const void* native() const;

 private:
  std::shared_ptr<const Transport> transport_;
};

}  // namespace eebench::comm
