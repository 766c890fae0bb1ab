#include <algorithm>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "eebench/cli/command.hpp"
#include "eebench/report/comparison.hpp"

namespace eebench::cli {
namespace {

constexpr std::string_view gate_prefix = "slow:";

struct Options {
  std::string a;
  std::string b;
  std::string fail_on;
};

/// The 0.05 of "slow:5%".
double margin_of(const std::string& gate) {
  std::size_t read = 0;
  double percent = -1.0;
  try {
    percent = std::stod(gate.substr(std::min(gate.size(), gate_prefix.size())), &read);
  } catch (const std::exception&) {
    read = 0;
  }
  if (!gate.starts_with(gate_prefix) || !(percent >= 0.0) ||
      gate.substr(gate_prefix.size() + read) != "%") {
    throw InputError(fmt::format("--fail-on {}: write it as slow:5%", gate));
  }
  return 0.01 * percent;
}

/// Points that are slow by more than the margin.
std::int64_t slow_points(const report::Comparison& comparison, double margin) {
  for (const report::ComparedPoint& point : comparison.points) {
    const std::size_t repeats = std::min(point.a.size(), point.b.size());
    if (repeats < report::repeats_for_a_verdict) {
      throw InputError(fmt::format(
          "--fail-on needs {} repeats of every point on both sides, there are {}; plan both with "
          "--repeats {}",
          report::repeats_for_a_verdict, repeats, report::repeats_for_a_verdict));
    }
  }
  return std::count_if(
      comparison.points.begin(), comparison.points.end(), [&](const report::ComparedPoint& point) {
        return point.verdict == report::Verdict::slow && point.ratio > 1.0 + margin;
      });
}

ExitCode run_compare(const Options& options, Context& context) {
  bool has_failed = false;
  context.comm.agree([&] {
    if (!context.comm.is_root()) {
      return;
    }
    const double margin = options.fail_on.empty() ? 0.0 : margin_of(options.fail_on);
    const report::Comparison comparison =
        report::compare(bench::TaskReader(report::result_file(options.a)),
                        bench::TaskReader(report::result_file(options.b)));
    fmt::print("{}", report::comparison_text(comparison));
    if (!options.fail_on.empty()) {
      const std::int64_t slow = slow_points(comparison, margin);
      has_failed = slow > 0 || comparison.only_a > 0;
      fmt::print("{}: {} points are slower by more than that, {} were not measured again\n",
                 options.fail_on, slow, comparison.only_a);
    }
  });
  return context.comm.all(!has_failed) ? ExitCode::ok : ExitCode::gate_failed;
}

}  // namespace

Runner setup_compare(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("a", o->a, "Campaign, or result file, to compare with")
      ->required()
      ->check(CLI::ExistingPath);
  app.add_option("b", o->b, "Campaign, or result file, that is judged")
      ->required()
      ->check(CLI::ExistingPath);
  app.add_option("--fail-on", o->fail_on,
                 "slow:5%: exit code 1 where a point is SLOW by more than 5 %, or is missing in b")
      ->check(named("margin, such as slow:5%"));
  return [o](Context& context) { return run_compare(*o, context); };
}

}  // namespace eebench::cli
