#include <array>

#include "eebench/cli/command.hpp"

namespace eebench::cli {

std::span<const Command> command_table() {
  static constexpr std::array table{
      Command{"list", "Name the models, rules, losses, suites or metrics", &setup_list},
      Command{"doctor", "Look at this machine and say what to do", &setup_doctor},
  };
  return table;
}

}  // namespace eebench::cli
