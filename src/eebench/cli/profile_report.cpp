#include "eebench/cli/profile_report.hpp"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "eebench/report/table.hpp"
#include "eebench/stats/interval.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::cli {
namespace {

using report::number;
using Json = nlohmann::ordered_json;

/// "538.43 M", as weaver-core writes its totals.
std::string scaled(double value) {
  constexpr std::array units{std::pair{1e9, 'G'}, std::pair{1e6, 'M'}, std::pair{1e3, 'k'}};
  for (const auto& [size, letter] : units) {
    if (value >= size) {
      return fmt::format("{:.2f} {}", value / size, letter);
    }
  }
  return fmt::format("{:.0f}", value);
}

void add_row(report::Table& table, const std::vector<std::string>& cells) {
  for (std::size_t c = 0; c < cells.size(); ++c) {
    table.columns[c].cells.push_back(cells[c]);
  }
}

report::Table cost_table(const model::Profile& costs) {
  report::Table table;
  table.columns = {{"part", "", {}, true},     {"parameters", "", {}}, {"multiply-adds", "M", {}},
                   {"FLOPs", "M", {}},         {"moved", "MB", {}},    {"activations", "kB", {}},
                   {"weaver-core", "MMac", {}}};
  const auto add = [&](const std::string& name, const model::MeanCost& cost) {
    add_row(table,
            {name, std::to_string(cost.parameters), number(cost.multiply_adds / 1e6),
             number(cost.flops / 1e6), number(cost.bytes / 1e6),
             number(cost.activation_bytes / 1e3), fmt::format("{:.2f}", cost.weaver_macs / 1e6)});
  };
  for (const model::Piece& piece : costs.pieces) {
    add(piece.name, piece.cost);
  }
  for (std::size_t exit = 0; exit < costs.exits.size(); ++exit) {
    add(fmt::format("all until exit {}", exit), costs.exits[exit]);
  }
  add("without early heads", costs.plain);
  return table;
}

report::Table pieces_table(const std::vector<MeasuredWeights>& measured) {
  report::Table table;
  table.columns.push_back({"part", "", {}, true});
  for (const MeasuredWeights& m : measured) {
    table.columns.push_back({"time, " + m.weights, "us a jet", {}});
    table.columns.push_back({"memory, " + m.weights, "MB a batch", {}});
  }
  const std::size_t exits = measured.front().staged.segment_seconds.size();
  for (std::size_t k = 0; k < exits; ++k) {
    std::vector<std::string> segment{fmt::format("{}segment {}", k == 0 ? "stem, " : "", k)};
    std::vector<std::string> head{fmt::format("head {}", k)};
    for (const MeasuredWeights& m : measured) {
      segment.push_back(number(1e6 * stats::median(m.staged.segment_seconds[k])));
      segment.push_back(number(static_cast<double>(m.staged.segment_peak_bytes[k]) / 1e6));
      head.push_back(number(1e6 * stats::median(m.staged.head_seconds[k])));
      head.push_back(number(static_cast<double>(m.staged.head_peak_bytes[k]) / 1e6));
    }
    add_row(table, segment);
    add_row(table, head);
  }
  return table;
}

report::Table passes_table(const ProfileReport& r) {
  report::Table table;
  table.columns = {{"run", "", {}, true},
                   {"weights", "", {}, true},
                   {"throughput", "jets/s", {}},
                   {"95 % from", "", {}},
                   {"to", "", {}},
                   {"memory", "MB a batch", {}},
                   {"multiply-adds", "M a jet", {}},
                   {"left at exit", "%", {}, true}};
  const auto add = [&](const std::string& run, const std::string& weights,
                       const bench::Passes& passes) {
    const stats::Interval interval = stats::median_interval(passes.jets_per_second);
    std::string left;
    for (const double fraction : passes.exit_fraction) {
      left.append(left.empty() ? "" : " / ").append(fmt::format("{:.0f}", 100.0 * fraction));
    }
    add_row(table,
            {run, weights, number(stats::median(passes.jets_per_second)), number(interval.low),
             number(interval.high), number(static_cast<double>(passes.peak_bytes) / 1e6),
             number(passes.multiply_adds / 1e6), left});
  };
  for (const MeasuredWeights& m : r.measured) {
    add("without early heads", m.weights, m.plain);
  }
  for (const MeasuredWeights& m : r.measured) {
    add(fmt::format("leaving at confidence {:g}", r.leaving_threshold), m.weights, m.leaving);
  }
  return table;
}

Json json_of(const model::MeanCost& cost) {
  return {{"parameters", cost.parameters},
          {"multiply_adds", cost.multiply_adds},
          {"flops", cost.flops},
          {"bytes", cost.bytes},
          {"activation_bytes", cost.activation_bytes},
          {"weaver_macs", cost.weaver_macs}};
}

Json json_of(const bench::Passes& passes) {
  return {{"jets_per_second", passes.jets_per_second},
          {"peak_bytes", passes.peak_bytes},
          {"multiply_adds", passes.multiply_adds},
          {"exit_fraction", passes.exit_fraction},
          {"segment_seconds", passes.segment_seconds},
          {"head_seconds", passes.head_seconds},
          {"segment_peak_bytes", passes.segment_peak_bytes},
          {"head_peak_bytes", passes.head_peak_bytes}};
}

}  // namespace

std::string to_markdown(const ProfileReport& r) {
  std::string text = fmt::format("{}, {} features ({} inputs), ", r.model, r.features, r.inputs);
  text += r.jets == 0
              ? fmt::format("a jet of {:g} constituents, by formula:\n\n", r.multiplicity)
              : fmt::format(
                    "mean over {} jets of {} constituents on average{}, by "
                    "formula:\n\n",
                    r.jets, number(r.multiplicity),
                    r.cut > 0 ? fmt::format(" ({} cut to {})", r.cut, r.kept) : std::string());
  text += report::to_markdown(cost_table(r.costs));
  text += fmt::format(
      "\nFLOPs are twice the multiply-adds and all other arithmetic. Moved is what operations read "
      "and write;\nactivations are inputs and outputs of the largest of them as textbooks do it, "
      "more "
      "than this program\nholds, which --data measures.\n"
      "\nThe last column counts by the rules of weaver-core 0.4: layers, attention, biases, "
      "BatchNorm "
      "and ReLU, but neither LayerNorm,\nGELU, pair features, neighbours nor gathers. Its total is "
      "that of the network without early heads (stem, all segments, last head):\n{}Mac, {} "
      "parameters "
      "({}).\n",
      scaled(r.costs.plain.weaver_macs), r.costs.plain.parameters,
      scaled(static_cast<double>(r.costs.plain.parameters)));
  if (!r.measured.empty()) {
    text += fmt::format(
        "\nMeasured on {}, float32, {} thread{}, batches of {} jets, medians of {} passes{}. "
        "Memory: most that tensors held\nbeside the weights. {}Every head, nobody leaves:\n\n",
        r.device, r.threads, r.threads == 1 ? "" : "s", r.batch,
        r.measured.front().plain.jets_per_second.size(),
        r.ranks > 1 ? fmt::format(", {} ranks at the same time, figures of rank 0", r.ranks) : "",
        r.trained_weights.empty() ? "No trained weights; name some with --weights. "
                                  : fmt::format("Trained weights: {}. ", r.trained_weights));
    text += report::to_markdown(pieces_table(r.measured));
    text += '\n';
    text += report::to_markdown(passes_table(r));
  }
  if (!r.training_jets_per_second.empty()) {
    const stats::Interval interval = stats::median_interval(r.training_jets_per_second);
    text += fmt::format(
        "\nTraining without early heads, batches of {} jets: {} jets/s (95 %: {} to {})\n", r.batch,
        number(stats::median(r.training_jets_per_second)), number(interval.low),
        number(interval.high));
  }
  return text;
}

std::string to_json(const ProfileReport& r) {
  Json json{{"model", r.model}, {"features", r.features},         {"inputs", r.inputs},
            {"jets", r.jets},   {"multiplicity", r.multiplicity}, {"jets_cut", r.cut}};
  for (const model::Piece& piece : r.costs.pieces) {
    Json entry{{"name", piece.name}};
    entry.update(json_of(piece.cost));
    json["pieces"].push_back(entry);
  }
  for (const model::MeanCost& cost : r.costs.exits) {
    json["exits"].push_back(json_of(cost));
  }
  json["without_early_heads"] = json_of(r.costs.plain);
  if (!r.measured.empty()) {
    json["device"] = r.device;
    json["threads"] = r.threads;
    json["ranks"] = r.ranks;
    json["batch"] = r.batch;
    json["trained_weights"] = r.trained_weights;
    json["jets_per_second"] = r.training_jets_per_second.empty()
                                  ? r.measured.back().plain.jets_per_second
                                  : r.training_jets_per_second;
    for (const MeasuredWeights& m : r.measured) {
      json["measured"].push_back({{"weights", m.weights},
                                  {"without_early_heads", json_of(m.plain)},
                                  {"nobody_leaves", json_of(m.staged)},
                                  {"leaving", json_of(m.leaving)}});
    }
    json["leaving_threshold"] = r.leaving_threshold;
  }
  return json.dump(2) + "\n";
}

}  // namespace eebench::cli
