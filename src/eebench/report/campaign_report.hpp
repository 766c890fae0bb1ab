#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "eebench/bench/campaign.hpp"
#include "eebench/bench/task_reader.hpp"
#include "eebench/report/table.hpp"

namespace eebench::report {

/// Of a table of points: for a file, or as many as a terminal holds.
enum class Columns { all, few };

/// The thresholds of a point as people read them, or "exit 2" of a baseline. `thresholds`, `fixed`:
/// values of the variables `thresholds` and `fixed_exit`.
std::string threshold_cell(const bench::TaskReader& task, std::span<const double> thresholds,
                           std::span<const double> fixed, std::size_t point);

/// One row a point that is `ok`, in file order: the baselines full and fixed first for each network
/// and batch. `±` is half the 95 % interval. The rejection is that of one class, the hardest; a
/// lower limit begins with ">". Every time that was measured on more ranks than cores has a star.
Table summary_table(const bench::TaskReader& task, Columns columns);

/// Thresholds that were chosen on other jets, one row a network, rule, loss and kind of threshold,
/// after the network's baselines: what they did there and what they do on the jets reported on. No
/// columns where none were chosen.
Table chosen_table(const bench::TaskReader& task);

/// The heading of that table: which jets chose, which are reported on; empty where none chose.
std::string chosen_preamble(const bench::TaskReader& task);

/// What has to be said above such a table: effort, machine, ranks, oversubscription, what is
/// replayed and what measured.
std::string preamble(const bench::TaskReader& task, Columns columns);

/// All of that, without the columns that say the same in every row, which are named above the
/// table.
std::string summary_text(const bench::TaskReader& task, Columns columns);

/// The end of a campaign: where everything is, how to open it, which points failed and how to go
/// on. `resume_command` is complete.
std::string final_block(const bench::CampaignFolder& folder, const bench::Outcome& outcome,
                        const std::string& resume_command);

/// Writes summary.md and summary.csv (points_table) beside the manifest. Throws IoError.
void write_summaries(const bench::CampaignFolder& folder, const bench::TaskReader& task);

}  // namespace eebench::report
