#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace eebench::sys {

/// The last collective calls of this process: what a rank that hangs was waiting for. Written by
/// the one thread that communicates, read by any.
class FlightRecord {
 public:
  /// A call, from its construction to its end.
  class Call {
   public:
    /// `operation` must live as long as the record: the name of a function.
    Call(FlightRecord& record, const char* operation, std::size_t bytes);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    FlightRecord& record_;
  };

  /// A line for each call kept, newest first; equal ones that follow each other share a line:
  ///     #1234 MPI_Allreduce of 8 bytes, 12.0 s ago, not finished
  ///     #1200 to #1233 MPI_Bcast of 24 bytes, 12.0 s ago
  std::string text() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    const char* operation = nullptr;
    std::size_t bytes = 0;
    Clock::time_point began;
  };
  mutable std::mutex mutex_;
  std::array<Entry, 64> entries_;  ///< call n at n % 64
  std::uint64_t calls_ = 0;
  bool running_ = false;
};

}  // namespace eebench::sys
