#include "eebench/report/campaign_status.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "eebench/core/shell.hpp"
#include "eebench/report/submission.hpp"
#include "eebench/report/table.hpp"

namespace eebench::report {
namespace {

using bench::ShardState;

std::string_view name_of(ShardState state) {
  return eebench::name_of(std::span<const Named<ShardState>>(bench::shard_state_names), state);
}

/// "02:10" hours and minutes; empty for NaN.
std::string duration(double seconds) {
  if (std::isnan(seconds)) {
    return "";
  }
  const auto minutes = static_cast<std::int64_t>(std::ceil(seconds / 60.0));
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

std::vector<std::int64_t> shards_that_are(std::span<const bench::ShardStatus> shards,
                                          std::span<const ShardState> states) {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (std::find(states.begin(), states.end(), shards[i].state) != states.end()) {
      places.push_back(static_cast<std::int64_t>(i));
    }
  }
  return places;
}

Table status_table(std::span<const bench::ShardStatus> shards) {
  Table table;
  table.columns = {{"shard", "", {}},       {"job", "", {}, true}, {"repeat", "", {}},
                   {"state", "", {}, true}, {"measured", "", {}},  {"failed", "", {}},
                   {"points", "", {}},      {"s a point", "", {}}, {"silent", "h:min", {}},
                   {"eta", "h:min", {}}};
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const bench::ShardStatus& shard = shards[i];
    const bool is_open = shard.state == ShardState::running || shard.state == ShardState::lost;
    const std::string cells[] = {
        std::to_string(i),
        describe(shard.job),
        std::to_string(shard.repeat),
        std::string(name_of(shard.state)),
        std::to_string(shard.ok),
        std::to_string(shard.failed),
        std::to_string(shard.points),
        number(shard.seconds_per_point),
        is_open ? duration(shard.idle_seconds) : "",
        shard.state == ShardState::running ? duration(shard.seconds_left) : ""};
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      table.columns[column].cells.push_back(cells[column]);
    }
  }
  return table;
}

struct Line {
  std::string words;
  std::string to_paste;
};

/// What is done in all, then what to submit or to call next.
std::vector<Line> summary(const std::filesystem::path& campaign,
                          std::span<const bench::ShardStatus> shards) {
  std::int64_t ok = 0;
  std::int64_t failed = 0;
  std::int64_t points = 0;
  for (const bench::ShardStatus& shard : shards) {
    ok += shard.ok;
    failed += shard.failed;
    points += shard.points;
  }
  std::vector<Line> lines = {
      {fmt::format("{} of {} points measured, {} failed", ok, points, failed), ""}};
  std::vector<bench::JobSize> jobs;
  std::transform(shards.begin(), shards.end(), std::back_inserter(jobs),
                 [](const bench::ShardStatus& shard) { return shard.job; });
  const auto submit = [&](const std::string& why, std::vector<ShardState> states) {
    const std::vector<std::string> commands =
        submissions(campaign, shards_that_are(shards, states), jobs);
    if (!commands.empty()) {
      lines.push_back({why + ":", ""});
    }
    for (const std::string& command : commands) {
      lines.push_back({"    ", command});
    }
  };
  submit("Submit again (lost or failed)", {ShardState::lost, ShardState::failed});
  submit("Not begun", {ShardState::waiting});
  if (all_ended(shards)) {
    lines.push_back({"All done: ", "eebench merge " + shell_quoted(campaign.string())});
  }
  return lines;
}

std::string escaped(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

constexpr std::string_view style = R"(
body { margin: 0 auto; max-width: 60rem; padding: 1rem; color: #1c2125; background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.4rem; margin: 0.5rem 0; overflow-wrap: anywhere; }
progress { width: 100%; height: 1.2rem; accent-color: #0b6fa4; }
code { background: #f4f6f7; padding: 0.1rem 0.3rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.7rem; text-align: right; border-bottom: 1px solid #e3e5e7; }
.left { text-align: left; }
.running td { background: #eaf3f8; }
.lost td, .failed td { background: #fbf1ed; }
)";

std::string html_table(const Table& table, std::span<const bench::ShardStatus> shards) {
  const auto cell = [](std::string_view tag, const Table::Column& column, const std::string& text) {
    return fmt::format("<{}{}>{}</{}>", tag, column.is_text ? " class=\"left\"" : "",
                       escaped(text.empty() ? "\u2014" : text), tag);
  };
  std::string html = "<div class=\"scroll\"><table>\n<tr>";
  for (const Table::Column& column : table.columns) {
    html +=
        cell("th", column,
             column.unit.empty() ? column.name : fmt::format("{} [{}]", column.name, column.unit));
  }
  html += "</tr>\n";
  for (std::size_t row = 0; row < table.rows(); ++row) {
    html += fmt::format("<tr class=\"{}\">", name_of(shards[row].state));
    for (const Table::Column& column : table.columns) {
      html += cell("td", column, column.cells[row]);
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

}  // namespace

bool all_ended(std::span<const bench::ShardStatus> shards) {
  return std::all_of(shards.begin(), shards.end(), [](const bench::ShardStatus& shard) {
    return shard.state == ShardState::done || shard.state == ShardState::failed;
  });
}

std::string status_text(const std::filesystem::path& campaign,
                        std::span<const bench::ShardStatus> shards) {
  std::string text = to_markdown(status_table(shards)) + "\n";
  for (const Line& line : summary(campaign, shards)) {
    text += line.words + line.to_paste + "\n";
  }
  return text;
}

std::string status_page(const std::filesystem::path& campaign,
                        std::span<const bench::ShardStatus> shards, const std::string& utc,
                        int reload_seconds) {
  const std::string title = escaped("eebench: " + campaign.string());
  std::string html =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  if (reload_seconds > 0 && !all_ended(shards)) {
    html += fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">\n", reload_seconds);
  }
  html += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n", title,
                      style, title);
  std::int64_t finished = 0;
  std::int64_t points = 0;
  for (const bench::ShardStatus& shard : shards) {
    finished += shard.ok + shard.failed;
    points += shard.points;
  }
  html += fmt::format("<progress value=\"{}\" max=\"{}\"></progress>\n", finished, points);
  for (const Line& line : summary(campaign, shards)) {
    html += fmt::format("<p>{}{}</p>\n", escaped(line.words),
                        line.to_paste.empty() ? "" : "<code>" + escaped(line.to_paste) + "</code>");
  }
  return html + html_table(status_table(shards), shards) +
         fmt::format("<p>As of {}.</p>\n</body>\n</html>\n", escaped(utc));
}

}  // namespace eebench::report
