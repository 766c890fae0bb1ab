#include <array>

#include "eebench/cli/command.hpp"

namespace eebench::cli {

std::span<const Command> command_table() {
  static constexpr std::array table{
      Command{"list", "Name the models, rules, losses, optimisers, schedules, suites or metrics",
              &setup_list},
      Command{"data", "Look into jet files", &setup_data},
      Command{"train", "Train a network with exits, data-parallel over ranks", &setup_train},
      Command{"gates", "Fit the gates of exit rules that have them and store them with the weights",
              &setup_gates},
      Command{"profile", "Cost of each part of a network, by formula and measured", &setup_profile},
      Command{"predict", "Answers of a network, of every exit or leaving early, as a file",
              &setup_predict},
      Command{"deploy", "Run a network cut into tiers of ranks, device, edge and server",
              &setup_deploy},
      Command{"bench", "Measure a suite: exits, rules, thresholds, batch sizes", &setup_bench},
      Command{"doctor", "Look at this machine and say what to do", &setup_doctor},
  };
  return table;
}

}  // namespace eebench::cli
