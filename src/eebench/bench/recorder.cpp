#include "eebench/bench/recorder.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::bench {

Recorder::Recorder(const comm::Communicator& comm, const std::filesystem::path& folder,
                   const Layout& layout, const Attributes& attributes, bool resume)
    : comm_(comm),
      folder_(folder),
      journal_(journal_file(folder)),
      done_(layout.points.size(), false),
      file_(open(layout, attributes, resume)),
      last_sync_(std::chrono::steady_clock::now()) {}

bool Recorder::reopen_failed(const comm::Communicator& comm, const std::filesystem::path& folder) {
  bool any = false;
  comm.agree([&] {
    if (comm.is_root()) {
      const std::vector<JournalEntry> entries = Journal(journal_file(folder)).read();
      any = std::any_of(entries.begin(), entries.end(),
                        [](const JournalEntry& entry) { return !entry.ok; });
      if (any) {
        sys::publish_finished(final_file(folder), part_file(folder));
      }
    }
  });
  return !comm.all(!any);
}

TaskFile Recorder::open(const Layout& layout, const Attributes& attributes, bool resume) {
  // All ranks must see the same directory, and none may act before all have looked.
  const bool together = comm_.all(resume && journal_.exists() && std::filesystem::exists(part()));
  if (together) {
    std::optional<TaskFile> file;
    try {
      file.emplace(TaskFile::reopen(part(), comm_, layout));
    } catch (const Error&) {
      // damaged; begun again below
    }
    if (comm_.all(file.has_value())) {
      std::vector<JournalEntry> safe;
      for (const JournalEntry& entry : journal_.read()) {
        const auto place = static_cast<std::size_t>(entry.point);
        if (entry.ok && place < layout.points.size() && !done_[place] &&
            layout.points[place].id == entry.id) {
          done_[place] = true;
          safe.push_back(entry);
        }
      }
      comm_.barrier();
      comm_.agree([&] {
        if (comm_.is_root()) {
          journal_.rewrite(safe);
        }
      });
      return std::move(*file);
    }
  }
  comm_.agree([&] {
    if (comm_.is_root()) {
      move_aside();
      check_space(size_of(layout));
    }
  });
  TaskFile file = TaskFile::create(part(), comm_, layout, attributes);
  comm_.agree([&] {
    if (comm_.is_root()) {
      journal_.rewrite({});
    }
  });
  return file;
}

void Recorder::check_space(std::int64_t bytes) const {
  // Twice: the journal, the scores and the file system's own bookkeeping want some as well.
  if (sys::free_bytes(folder_) < 2 * static_cast<std::uint64_t>(bytes)) {
    throw IoError(
        fmt::format("{}: less than {} MB free, twice what the results need; give another -o",
                    folder_.string(), 2 * bytes / 1'000'000 + 1));
  }
}

void Recorder::move_aside() {
  if (std::filesystem::exists(part())) {
    int number = 1;
    while (std::filesystem::exists(fmt::format("{}.bad-{}", part().string(), number))) {
      ++number;
    }
    std::filesystem::rename(part(), fmt::format("{}.bad-{}", part().string(), number));
  }
  std::filesystem::remove(journal_file(folder_));
}

void Recorder::add_ok(const Point& point, const Values& values, double seconds) {
  file_.write(point, values);
  unsafe_.push_back({point.index, point.id, true, seconds, {}});
}

void Recorder::add_failed(const Point& point, const std::string& error, double seconds) {
  file_.write(point, {});
  unsafe_.push_back({point.index, point.id, false, seconds, error});
}

void Recorder::sync_every(double seconds) {
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - last_sync_;
  const bool due = comm_.is_root() && since.count() >= seconds;
  if (comm_.all_reduce(due ? 1.0 : 0.0, comm::Reduce::max) > 0.0) {
    sync();
  }
}

void Recorder::sync() {
  if (!unsafe_.empty()) {
    file_.flush();
    for (const JournalEntry& entry : unsafe_) {
      file_.set_state(entry.point, entry.ok ? State::ok : State::failed);
    }
    file_.flush();
    comm_.agree([&] {
      if (comm_.is_root()) {
        journal_.append(unsafe_);
      }
    });
    unsafe_.clear();
  }
  last_sync_ = std::chrono::steady_clock::now();
}

void Recorder::suspend() {
  sync();
  file_.close();
}

void Recorder::finish() {
  suspend();
  comm_.barrier();
  comm_.agree([&] {
    if (comm_.is_root()) {
      sys::publish_finished(part(), final_file(folder_));
    }
  });
}

}  // namespace eebench::bench
