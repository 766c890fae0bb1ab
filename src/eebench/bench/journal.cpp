#include "eebench/bench/journal.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "eebench/sys/files.hpp"

namespace eebench::bench {
namespace {

std::string line_of(const JournalEntry& entry) {
  nlohmann::json line = {{"point", entry.point},
                         {"id", entry.id},
                         {"state", entry.ok ? "ok" : "failed"},
                         {"seconds", entry.seconds}};
  if (!entry.ok) {
    line["error"] = entry.error;
  }
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string lines_of(const std::vector<JournalEntry>& entries) {
  std::string text;
  for (const JournalEntry& entry : entries) {
    text += line_of(entry);
  }
  return text;
}

}  // namespace

std::vector<JournalEntry> Journal::read() const {
  std::ifstream stream(path_);
  std::vector<JournalEntry> entries;
  std::string line;
  while (std::getline(stream, line) && !stream.eof()) {
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
      break;
    }
    const auto seconds = json.find("seconds");  // null for NaN
    entries.push_back(
        {json.value("point", std::int64_t{-1}), json.value("id", std::string()),
         json.value("state", std::string()) == "ok",
         seconds != json.end() && seconds->is_number() ? seconds->get<double>() : not_available,
         json.value("error", std::string())});
  }
  return entries;
}

void Journal::rewrite(const std::vector<JournalEntry>& entries) const {
  sys::publish_text(path_, lines_of(entries));
}

void Journal::append(const std::vector<JournalEntry>& entries) const {
  sys::append_durably(path_, lines_of(entries));
}

}  // namespace eebench::bench
