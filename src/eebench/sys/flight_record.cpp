#include "eebench/sys/flight_record.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace eebench::sys {

FlightRecord::Call::Call(FlightRecord& record, const char* operation, std::size_t bytes)
    : record_(record) {
  const std::lock_guard lock(record_.mutex_);
  record_.entries_[record_.calls_ % record_.entries_.size()] = {operation, bytes, Clock::now()};
  ++record_.calls_;
  record_.running_ = true;
}

FlightRecord::Call::~Call() {
  const std::lock_guard lock(record_.mutex_);
  record_.running_ = false;
}

std::string FlightRecord::text() const {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const std::uint64_t oldest = calls_ - std::min<std::uint64_t>(calls_, entries_.size());
  std::string text;
  for (std::uint64_t last = calls_; last > oldest;) {
    const Entry& entry = entries_[(last - 1) % entries_.size()];
    const bool runs = running_ && last == calls_;
    std::uint64_t first = last;
    while (!runs && first - 1 > oldest) {
      const Entry& before = entries_[(first - 2) % entries_.size()];
      if (std::string_view(before.operation) != entry.operation || before.bytes != entry.bytes) {
        break;
      }
      --first;
    }
    text += fmt::format(
        "    #{} {} of {} bytes, {:.1f} s ago{}\n",
        first == last ? fmt::to_string(last) : fmt::format("{} to #{}", first, last),
        entry.operation, entry.bytes, std::chrono::duration<double>(now - entry.began).count(),
        runs ? ", not finished" : "");
    last = first - 1;
  }
  return text;
}

}  // namespace eebench::sys
