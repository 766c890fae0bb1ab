#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eebench/bench/values.hpp"

namespace eebench::bench {

/// A point that is finished, for better or worse.
struct JournalEntry {
  std::int64_t point = 0;
  std::string id;
  bool ok = true;
  double seconds = not_available;  ///< that it took, warm-up included; since format 1.5
  std::string error;               ///< of a failed point
};

/// The truth about which points of a task file are safe: one line of JSON each, written after the
/// file was flushed, and forced to the disk. For one rank.
class Journal {
 public:
  explicit Journal(std::filesystem::path path) : path_(std::move(path)) {}

  bool exists() const { return std::filesystem::exists(path_); }
  /// Complete lines in order; a line that was cut off or damaged, and what follows it, does not
  /// count.
  std::vector<JournalEntry> read() const;
  /// Replaces all of it; a crash leaves the old or the new.
  void rewrite(const std::vector<JournalEntry>& entries) const;
  /// Throws IoError where the disk refuses.
  void append(const std::vector<JournalEntry>& entries) const;

 private:
  std::filesystem::path path_;
};

}  // namespace eebench::bench
