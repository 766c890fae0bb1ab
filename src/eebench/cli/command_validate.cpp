#include <memory>
#include <string>

#include <fmt/format.h>

#include "eebench/bench/validate.hpp"
#include "eebench/cli/command.hpp"

namespace eebench::cli {

Runner setup_validate(CLI::App& app) {
  const auto file = std::make_shared<std::string>();
  app.add_option("file", *file, "task.h5 or merged.h5")->required()->check(named("file"));
  return [file](Context& context) {
    std::size_t count = 0;
    context.comm.agree([&] {
      if (context.comm.is_root()) {
        const std::vector<std::string> lines = bench::violations(*file);
        count = lines.size();
        for (const std::string& line : lines) {
          fmt::print("{}: {}\n", *file, line);
        }
        if (count == 0) {
          fmt::print("{}: nothing wrong\n", *file);
        }
      }
    });
    return context.comm.all(count == 0) ? ExitCode::ok : ExitCode::usage;
  };
}

}  // namespace eebench::cli
