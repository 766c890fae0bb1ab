#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// What a Communicator of more than one process is made of; MPI is the only kind. Kept apart so
/// that code which only needs a Communicator builds on machines without MPI.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_rank() const = 0;
  virtual int local_size() const = 0;
  virtual std::shared_ptr<const Transport> first(int ranks) const = 0;
  virtual void barrier() const = 0;
  virtual void all_reduce(std::span<double> values, Reduce op) const = 0;
  virtual void all_reduce(std::span<float> values, Reduce op) const = 0;
  virtual void all_reduce(std::span<std::int64_t> values, Reduce op) const = 0;
  virtual void broadcast(std::span<std::byte> bytes, int root) const = 0;
  /// `counts` (bytes of each rank) is known on every rank; `all` holds their sum.
  virtual void all_gather(std::span<const std::byte> mine, std::span<const std::int64_t> counts,
                          std::span<std::byte> all) const = 0;
  virtual void all_gather(std::int64_t mine, std::span<std::int64_t> all) const = 0;
  virtual const void* native() const = 0;
  virtual const sys::FlightRecord* flight_record() const = 0;
};

}  // namespace eebench::comm
