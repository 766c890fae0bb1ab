#include "eebench/bench/journal.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "eebench/core/error.hpp"

namespace eebench::bench {
namespace {

std::string line_of(const JournalEntry& entry) {
  nlohmann::json line = {
      {"point", entry.point}, {"id", entry.id}, {"state", entry.ok ? "ok" : "failed"}};
  if (!entry.ok) {
    line["error"] = entry.error;
  }
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_and_force(const std::filesystem::path& path, int flags,
                     const std::vector<JournalEntry>& entries) {
  std::string text;
  for (const JournalEntry& entry : entries) {
    text += line_of(entry);
  }
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  const bool written =
      file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const int reason = errno;
  if (file >= 0) {
    ::close(file);
  }
  if (!written) {
    throw IoError(
        fmt::format("{}: cannot write the journal: {}", path.string(), std::strerror(reason)));
  }
}

}  // namespace

void force_to_disk(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool forced = file >= 0 && ::fsync(file) == 0;
  const int reason = errno;
  if (file >= 0) {
    ::close(file);
  }
  if (!forced) {
    throw IoError(
        fmt::format("{}: cannot be forced to the disk: {}", path.string(), std::strerror(reason)));
  }
}

std::vector<JournalEntry> Journal::read() const {
  std::ifstream stream(path_);
  std::vector<JournalEntry> entries;
  std::string line;
  while (std::getline(stream, line) && !stream.eof()) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
      break;
    }
    entries.push_back({json.value("point", std::int64_t{-1}), json.value("id", std::string()),
                       json.value("state", std::string()) == "ok",
                       json.value("error", std::string())});
  }
  return entries;
}

void Journal::rewrite(const std::vector<JournalEntry>& entries) const {
  const std::filesystem::path part = path_.string() + ".part";
  write_and_force(part, O_TRUNC, entries);
  std::filesystem::rename(part, path_);
  force_to_disk(std::filesystem::absolute(path_).parent_path());
}

void Journal::append(const std::vector<JournalEntry>& entries) const {
  write_and_force(path_, O_APPEND, entries);
}

}  // namespace eebench::bench
