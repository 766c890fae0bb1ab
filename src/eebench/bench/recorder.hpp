#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eebench/bench/journal.hpp"
#include "eebench/bench/task_file.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::bench {

/// A task file and its journal, kept in step: whatever is killed and whenever, a journaled point is
/// complete in the file. Order: rows, flush, states, flush, journal.
class Recorder {
 public:
  /// \collective Begins a task in `folder`, or goes on with the one there when `resume` is set. A
  /// file that is damaged or stands without its journal is moved aside and begun again.
  Recorder(const comm::Communicator& comm, const std::filesystem::path& folder,
           const Layout& layout, const Attributes& attributes, bool resume);

  /// The file of a finished task.
  static std::filesystem::path final_file(const std::filesystem::path& folder) {
    return folder / "task.h5";
  }
  static std::filesystem::path journal_file(const std::filesystem::path& folder) {
    return folder / "journal.jsonl";
  }

  /// \collective Whether the finished task of `folder` has failed points. If so, it is made one
  /// that is not finished, so that going on with it tries them again.
  static bool reopen_failed(const comm::Communicator& comm, const std::filesystem::path& folder);

  /// Points, by place, that were safe when we began; failed ones do not count.
  const std::vector<bool>& done() const { return done_; }

  /// \collective `seconds`: that the point took, warm-up included; the root's count.
  void add_ok(const Point& point, const Values& values, double seconds);
  /// \collective
  void add_failed(const Point& point, const std::string& error, double seconds);
  /// \collective Makes safe what was added since, if the last time is `seconds` ago.
  void sync_every(double seconds);
  /// \collective
  void sync();
  /// \collective Closes the file and gives it its final name.
  void finish();
  /// \collective Makes everything safe and leaves the file to be resumed.
  void suspend();

 private:
  TaskFile open(const Layout& layout, const Attributes& attributes, bool resume);
  void move_aside();
  void check_space(std::int64_t bytes) const;
  static std::filesystem::path part_file(const std::filesystem::path& folder) {
    return sys::part_of(final_file(folder));
  }
  std::filesystem::path part() const { return part_file(folder_); }

  comm::Communicator comm_;
  std::filesystem::path folder_;
  Journal journal_;
  std::vector<bool> done_;
  TaskFile file_;
  std::vector<JournalEntry> unsafe_;
  std::chrono::steady_clock::time_point last_sync_;
};

}  // namespace eebench::bench
