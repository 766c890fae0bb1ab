#include "eebench/bench/schema.hpp"

#include <array>

namespace eebench::bench {

std::string_view name(Mark mark) {
  constexpr std::array<std::string_view, 4> names = {"setting", "replayed", "measured", "record"};
  return names[static_cast<std::size_t>(mark)];
}

std::string_view name(Dimension dimension) {
  constexpr std::array<std::string_view, 7> names = {"point",  "exit",       "class",       "rank",
                                                     "sample", "percentile", "multiplicity"};
  return names[static_cast<std::size_t>(dimension)];
}

std::span<const VariableSpec> schema() {
  using enum Type;
  using enum Mark;
  constexpr auto exit = Dimension::exit;
  constexpr auto class_ = Dimension::class_;
  constexpr auto rank = Dimension::rank;
  constexpr auto sample = Dimension::sample;
  constexpr auto percentile = Dimension::percentile;
  constexpr auto bin = Dimension::multiplicity;
  static const std::vector<VariableSpec> variables = {
      {"point_id", text, {}, "1", record, "hash of everything that decides the point"},
      {"state", u1, {}, "1", record, "whether the point is in the file"},
      {"model", u1, {}, "1", setting, "network, by the name the suite gives it"},
      {"rule",
       u1,
       {},
       "1",
       setting,
       "exit rule, by name or as a formula, or a baseline: full, fixed"},
      {"scenario", u1, {}, "1", setting, "how batches are handed over"},
      {"executor", u1, {}, "1", setting, "whether jets leave, or all go through all", false, 6},
      {"precision", u1, {}, "1", setting, "what linear layers multiply in", false, 7},
      {"batch", i4, {}, "1", setting, "jets a rank is handed at a time"},
      {"fixed_exit", i4, {}, "1", setting, "exit of the baselines full and fixed, else -1"},
      {"threshold", f8, {}, "1", setting, "threshold shared by all early exits, else NaN"},
      {"thresholds", f8, {exit}, "1", setting, "threshold of each early exit"},
      {"selection", u1, {}, "1", setting, "where the thresholds come from"},
      {"max_loss", f8, {}, "1", setting, "accuracy that a choice of thresholds may give up"},
      {"exits", i4, {}, "1", setting, "exits of the network, the last included"},
      {"repeat", i4, {}, "1", setting, "process-level repeat of the same points", false, 5},
      {"shard", i4, {}, "1", setting, "shard of the campaign that measured the point", false, 5},
      {"ranks", i4, {}, "1", setting, "MPI ranks of the job that measured the point", false, 6},
      {"threads", i4, {}, "1", setting, "threads of each rank", false, 6},
      {"nodes", i4, {}, "1", setting, "nodes that these ranks were on", false, 6},
      {"oversubscribed",
       u1,
       {},
       "1",
       setting,
       "more threads of all ranks of a node than it has cores",
       false,
       6},

      {"jets", i8, {}, "1", record, "jets behind the replayed numbers"},
      {"accuracy", f8, {}, "1", replayed, "share of jets answered right", true},
      {"accuracy_loss",
       f8,
       {},
       "1",
       replayed,
       "accuracy of the last exit minus that of the point, on the same jets",
       true},
      {"chosen_accuracy", f8, {}, "1", replayed, "accuracy on the jets that chose the thresholds"},
      {"chosen_cost", f8, {}, "1", replayed, "relative_cost on the jets that chose the thresholds"},
      {"auc", f8, {}, "1", replayed, "macro one-vs-one area under the ROC curve", true},
      {"calibration_error", f8, {}, "1", replayed, "expected calibration error, 15 bins", false, 4},
      {"exit_calibration_error",
       f8,
       {exit},
       "1",
       replayed,
       "of the jets that leave there",
       false,
       4},
      {"rejection",
       f8,
       {class_},
       "1",
       replayed,
       "QCD rejection at the class's signal efficiency; a lower limit where flagged",
       true},
      {"rejection_is_limit", u1, {class_}, "1", replayed, "no background jet passes the cut"},
      {"exit_fraction", f8, {exit}, "1", replayed, "share of jets that leave at the exit"},
      {"exit_accuracy", f8, {exit}, "1", replayed, "accuracy on the jets that leave there", true},
      {"exit_fraction_multiplicity",
       f8,
       {bin, exit},
       "1",
       replayed,
       "the same for jets of a multiplicity bin"},
      {"jets_multiplicity", i8, {bin}, "1", record, "jets in the multiplicity bin"},
      {"multiply_adds", f8, {}, "1", replayed, "mean per jet by the cost formulas, heads included"},
      {"flops", f8, {}, "1", replayed, "mean per jet: 2 multiply_adds + elementwise operations"},
      {"relative_cost", f8, {}, "1", replayed, "multiply_adds over those of the full network"},
      {"parameters", f8, {}, "1", replayed, "mean number of parameters a jet meets"},
      {"exit_multiply_adds", f8, {exit}, "1", replayed, "mean over all jets of leaving there"},
      {"exit_parameters", f8, {exit}, "1", replayed, "parameters met by a jet that leaves there"},
      {"accuracy_mixing",
       f8,
       {},
       "1",
       replayed,
       "accuracy of a coin tossed between two fixed exits at the same mean multiply_adds"},

      {"batch_time", f8, {}, "s", measured, "median time of a batch on the slowest rank", true},
      {"throughput", f8, {}, "s-1", measured, "jets of all ranks over the time they took", true},
      {"throughput_rank",
       f8,
       {rank},
       "s-1",
       measured,
       "jets of a rank over the time of its batches"},
      {"latency",
       f8,
       {percentile},
       "s",
       measured,
       "hand-over of a batch to a jet's answer; slowest rank"},
      {"latency_rank", f8, {rank, percentile}, "s", measured, "the same of each rank"},
      {"latency_exit",
       f8,
       {exit, percentile},
       "s",
       measured,
       "the same of jets that leave at the exit; slowest rank"},
      {"batch_time_rank", f8, {rank}, "s", measured, "median time of a batch on each rank"},
      {"segment_time", f8, {exit}, "s", measured, "median time of a segment, slowest rank"},
      {"head_time", f8, {exit}, "s", measured, "median time of head, score and decision"},
      {"compact_time", f8, {}, "s", measured, "median time of gathering survivors"},
      {"multiply_adds_run", f8, {}, "1", measured, "mean per jet, counted by the operations"},
      {"peak_bytes", f8, {}, "byte", measured, "largest live activation memory of a rank"},
      {"exit_fraction_run", f8, {exit}, "1", measured, "share of jets that really left there"},
      {"flip_share",
       f8,
       {},
       "1",
       measured,
       "share of the run's jets whose exit differs from the replayed one"},
      {"jets_run", i8, {}, "1", record, "distinct jets behind the measured numbers, all ranks"},
      {"n_samples", i8, {}, "1", record, "batches timed on each rank"},
      {"measured_time",
       f8,
       {},
       "s",
       record,
       "time of the passes, in single_stream batches, slowest rank of each"},
      {"harness_time",
       f8,
       {},
       "s",
       measured,
       "mean time of a pass between one batch's last answer and the next, slowest rank",
       false,
       6},
      {"overhead_time",
       f8,
       {},
       "s",
       record,
       "time of the point beside warm-up and passes, slowest rank; without writing it",
       false,
       6},
      {"empty_batch_time",
       f8,
       {},
       "s",
       record,
       "self-test: mean time of a batch that does nothing",
       false,
       6},
      {"known_batch_time", f8, {}, "s", record, "self-test: time that a batch waits", false, 6},
      {"known_batch_told",
       f8,
       {},
       "s",
       record,
       "self-test: mean time measured for that batch",
       false,
       6},
      {"energy",
       f8,
       {},
       "J",
       measured,
       "drawn by all nodes and GPUs at work in the passes, whatever ran there",
       false,
       6},
      {"jets_per_joule", f8, {}, "J-1", measured, "jets of all ranks over energy", false, 6},
      {"warmup_time",
       f8,
       {},
       "s",
       record,
       "time before the first timed batch, slowest rank",
       false,
       6},
      {"warmup_batches", i8, {}, "1", record, "batches before the first timed one, each rank"},
      {"warmup_converged",
       u1,
       {},
       "1",
       record,
       "the last warm-up round was not faster, within 5 %"},
      {"stop_reason", u1, {}, "1", record, "what ended the sampling"},
      {"sample_rank", i4, {}, "1", record, "rank with the largest median time of a batch"},
      {"sample_time", f4, {sample}, "s", measured, "time of each timed batch of that rank"},
      {"sample_answer_time",
       f4,
       {exit, sample},
       "s",
       measured,
       "hand-over to the answers of the exit in each timed batch of that rank"},
      {"sample_leaving", i4, {exit, sample}, "1", measured, "jets of that batch that left there"},
  };
  return variables;
}

std::vector<std::string> dimensions_of(const VariableSpec& spec) {
  std::vector<std::string> names = {"point"};
  for (const Dimension dimension : spec.dimensions) {
    names.emplace_back(name(dimension));
  }
  return names;
}

std::vector<std::string> names_of(const VariableSpec& spec) {
  const std::string base(spec.name);
  return spec.interval ? std::vector<std::string>{base, base + "_ci_low", base + "_ci_high"}
                       : std::vector<std::string>{base};
}

}  // namespace eebench::bench
