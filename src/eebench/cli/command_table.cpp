#include <array>

#include "eebench/cli/command.hpp"

namespace eebench::cli {

std::span<const Command> command_table() {
  static constexpr std::array table{
      Command{
          "list",
          "Name the models, rules, losses, optimisers, schedules, suites, metrics or quantizers",
          &setup_list},
      Command{"data", "Look into jet files", &setup_data},
      Command{"train", "Train a network with exits, data-parallel over ranks", &setup_train},
      Command{"gates", "Fit the gates of exit rules that have them and store them with the weights",
              &setup_gates},
      Command{"quantize", "Put weights and activations of a trained network on grids of few bits",
              &setup_quantize},
      Command{"profile", "Cost of each part of a network, by formula and measured", &setup_profile},
      Command{"predict", "Answers of a network, of every exit or leaving early, as a file",
              &setup_predict},
      Command{"deploy", "Run a network cut into tiers of ranks, device, edge and server",
              &setup_deploy},
      Command{"bench", "Measure a suite: exits, rules, thresholds, batch sizes", &setup_bench},
      Command{"plan", "Divide a suite into shards that are measured as jobs of their own",
              &setup_plan},
      Command{"status", "Where the shards of a campaign stand, and which to submit again",
              &setup_status},
      Command{"merge", "Join the tasks of a campaign into one file", &setup_merge},
      Command{"compare", "Times of two campaigns, with a verdict on each point", &setup_compare},
      Command{"validate", "Check a result file against its format", &setup_validate},
      Command{"scale", "Measure training, inference or all-reduce over numbers of ranks",
              &setup_scale},
      Command{"doctor", "Look at this machine and say what to do", &setup_doctor},
  };
  return table;
}

}  // namespace eebench::cli
