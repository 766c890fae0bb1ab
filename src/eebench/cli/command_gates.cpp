#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "eebench/bench/physics.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/subject.hpp"
#include "eebench/exits/fit.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/report/progress.hpp"
#include "eebench/report/table.hpp"
#include "eebench/stats/classification.hpp"
#include "eebench/store/all_exits.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::filesystem::path weights;
  std::filesystem::path data;
  double lambda = 0.1;
  std::string device = "cpu";
  int threads = 1;
};

struct Pass {
  store::AllExits jets;      ///< all of them on the root, none elsewhere; with embeddings
  std::vector<double> cost;  ///< [jets, exits] of a jet that leaves there
  std::int64_t cut = 0;      ///< jets that lost constituents
  std::string data_sha256;   ///< of the jet file
};

/// \collective
Pass all_exits(const Options& options, Context& context) {
  context.comm.agree([&] {
    sys::check_is_file(options.weights);
    if (options.weights.extension() != ".h5") {
      throw InputError(
          fmt::format("{}: gates are stored in a weights.h5 of eebench train; give such a file",
                      options.weights.string()));
    }
    if (context.comm.is_root()) {
      sys::check_writable(options.weights);
    }
  });
  bench::Suite suite;
  suite.data = options.data;
  suite.device = options.device;
  const bench::ModelEntry entry{.name = options.weights.stem(), .weights = options.weights};
  const bench::Subject subject = open_subject(context, entry, suite, options.threads);
  if (subject.executor->exits() < 2) {
    throw InputError(
        fmt::format("{} has no early exits, so it needs no gates; give weights of a network with "
                    "exits",
                    options.weights.string()));
  }
  report::Progress progress(stderr);
  const auto advance = [&](std::int64_t done, std::int64_t all) {
    context.watchdog.enter("gates:all exits", context.phase_seconds);
    if (context.comm.is_root()) {
      progress.show(report::share_line("all exits", done, all), done == all);
    }
  };
  const std::int64_t cut = bench::count_cut(context.comm, subject.jets, subject.jets.count);
  const store::AllExits share =
      store::all_exits_pass(context.comm, *subject.executor, subject.jets.read, subject.jets.count,
                            subject.classes, advance, {.kept = true});
  store::AllExits jets = store::all_on_root(context.comm, share);
  std::vector<double> cost = bench::cost_table(*subject.executor, jets.multiplicity).multiply_adds;
  return {std::move(jets), std::move(cost), cut, subject.jets.sha256};
}

/// How well a rule's scores at an exit tell right answers from wrong ones.
double separation(const exits::Decisions& decisions, std::size_t exit) {
  const auto exits = static_cast<std::size_t>(decisions.exits);
  std::vector<double> right;
  std::vector<double> wrong;
  for (std::size_t jet = 0; jet < decisions.right.size() / exits; ++jet) {
    auto& scores = decisions.right[jet * exits + exit] != 0 ? right : wrong;
    scores.push_back(static_cast<double>(decisions.scores[jet * (exits - 1) + exit]));
  }
  return stats::binary_auc(right, wrong);
}

/// A row for each early exit, with the AUC of every rule that was fitted and that of confidence.
report::Table table_of(const store::AllExits& jets, const exits::Fits& fits) {
  report::Table table;
  table.columns = {{"exit", "", {}}, {"accuracy", "", {}}};
  const auto early = static_cast<std::size_t>(jets.exits - 1);
  const auto add = [&](std::string_view rule) {
    const exits::Decisions decisions = exits::decide(
        exits::make_rule(rule, fits, jets.exits, jets.classes), store::answers_of(jets));
    report::Table::Column column{fmt::format("AUC of {}", rule), "", {}};
    for (std::size_t exit = 0; exit < early; ++exit) {
      column.cells.push_back(report::number(separation(decisions, exit)));
    }
    table.columns.push_back(column);
    return decisions;
  };
  const std::vector<std::uint8_t> right = add("confidence").right;
  for (const auto& [rule, gates] : fits.numbers) {
    add(rule);
  }
  for (std::size_t exit = 0; exit < early; ++exit) {
    double sum = 0.0;
    for (std::size_t i = exit; i < right.size(); i += early + 1) {
      sum += right[i];
    }
    table.columns[0].cells.push_back(std::to_string(exit));
    table.columns[1].cells.push_back(report::number(sum / static_cast<double>(jets.jets())));
  }
  return table;
}

ExitCode fit_gates(const Options& options, Context& context) {
  const Pass pass = all_exits(options, context);
  context.watchdog.enter("gates:fit", context.phase_seconds);
  context.comm.agree([&] {
    if (!context.comm.is_root()) {
      return;
    }
    const store::AllExits& jets = pass.jets;
    const exits::Fits fits = exits::fit_all(store::answers_of(jets, pass.cost), options.lambda);
    model::Weights weights = model::read_weights(options.weights);
    weights.gates = {.numbers = fits.numbers,
                     .data = options.data.filename(),
                     .data_sha256 = pass.data_sha256,
                     .jets = jets.jets(),
                     .lambda = options.lambda};
    model::write_weights(options.weights, weights);
    fmt::print(
        "On the {0} jets that the gates were fitted on, with the AUC of scores of right answers "
        "against wrong ones:\n\n{1}\nOf {0} jets {2} had more "
        "constituents than the network keeps and were cut. The gates are in {3}\n",
        jets.jets(), report::to_markdown(table_of(jets, fits)), pass.cut, options.weights.string());
  });
  return ExitCode::ok;
}

}  // namespace

Runner setup_gates(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("--weights", o->weights, "Weights (.h5) to fit gates for; they are added to it")
      ->required()
      ->check(named("file"));
  app.add_option("--data", o->data, "Jets (HDF5) that the network was not trained on")->required();
  app.add_option("--lambda", o->lambda,
                 "Loss (nats) that the cost of the whole network is worth, for the rule jei")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--device", o->device, "cpu or cuda (one GPU per local rank)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  add_threads(app, o->threads);
  return [o](Context& context) { return fit_gates(*o, context); };
}

}  // namespace eebench::cli
