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

JournalEntry entry_of(const nlohmann::json& line) {
  const auto seconds = line.find("seconds");  // null for NaN
  return {line.at("point").get_ref<const std::int64_t&>(), line.at("id").get<std::string>(),
          line.at("state").get<std::string>() == "ok",
          seconds != line.end() && seconds->is_number() ? seconds->get<double>() : not_available,
          line.value("error", std::string())};
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
    try {
      entries.push_back(entry_of(nlohmann::json::parse(line)));
    } catch (const nlohmann::json::exception&) {
      break;
    }
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
