#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "eebench/cli/answers_file.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/deployment_report.hpp"
#include "eebench/cli/peers_of.hpp"
#include "eebench/cli/provenance.hpp"
#include "eebench/cli/subject.hpp"
#include "eebench/comm/same_input.hpp"
#include "eebench/report/progress.hpp"
#include "eebench/store/predictions_file.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::filesystem::path plan;
  std::filesystem::path output;
  std::filesystem::path save;
  int threads = 1;
};

bench::ModelEntry entry_of(const deploy::Plan& plan, std::size_t tier) {
  return {.name = plan.where,
          .config = plan.model,
          .weights = plan.weights_of(tier),
          .features = plan.features};
}

/// One file of weights for each tier.
report::Table save_pieces(const deploy::Plan& plan, const std::filesystem::path& folder) {
  if (plan.weights.empty()) {
    throw InputError(
        fmt::format("{}: --save cuts a whole network, name it as weights instead of "
                    "pieces",
                    plan.where));
  }
  LoadedNetwork loaded = load_network(entry_of(plan, 0));
  deploy::thresholds_for(plan, loaded.network->exits());
  sys::make_writable_folder(folder);
  report::Table table;
  table.columns = {{"tier", "", {}, true}, {"file", "", {}, true}, {"numbers", "", {}}};
  for (std::size_t t = 0; t < plan.tiers.size(); ++t) {
    const model::StateDict piece = model::piece_of(*loaded.network, plan.segments_of(t));
    const std::filesystem::path file = folder / (plan.tiers[t].name + ".h5");
    std::error_code missing;
    if (std::filesystem::equivalent(file, plan.weights, missing)) {
      throw InputError(fmt::format("--save {} would replace {}; name another folder",
                                   folder.string(), plan.weights.string()));
    }
    model::write_weights(file, {.tensors = piece,
                                .config = loaded.config.text(),
                                .gates = loaded.weights.gates,
                                .origin = loaded.weights.origin,
                                .whole_sha256 = model::sha256(loaded.weights.tensors)});
    std::int64_t numbers = 0;
    for (const auto& [name, tensor] : piece) {
      numbers += tensor.numel();
    }
    table.columns[0].cells.push_back(plan.tiers[t].name);
    table.columns[1].cells.push_back(file.string());
    table.columns[2].cells.push_back(std::to_string(numbers));
  }
  return table;
}

class Run {
 public:
  Run(const Options& options, deploy::Plan plan, Context& context)
      : options_(options),
        plan_(std::move(plan)),
        context_(context),
        comm_(context.comm),
        progress_(stderr) {}

  void run() {
    comm_.agree([&] {
      deploy::check_ranks(plan_, comm_.size());
      if (comm_.is_root()) {
        check_output(options_.output,
                     std::array{options_.plan, plan_.data, plan_.weights, plan_.pieces});
      }
    });
    const sys::PeerWatch watch(peers_of(comm_, [&](int rank) {
      return fmt::format(" tier={}", plan_.tiers[plan_.tier_of(rank)].name);
    }));
    tier_ = plan_.tier_of(comm_.rank());
    enter("load");
    const bench::ModelEntry entry = entry_of(plan_, tier_);
    Opened opened = open_network(
        context_, entry,
        [&] {
          return plan_.pieces.empty() ? load_network(entry)
                                      : load_piece(entry, plan_.segments_of(tier_));
        },
        plan_.data);
    const bench::Subject& subject = opened.subject;
    exits::Rule rule;
    std::vector<double> thresholds;
    comm_.agree([&] {
      const std::int64_t exits = opened.network->exits();
      thresholds = deploy::thresholds_for(plan_, exits);
      rule = exits::make_rule(plan_.rule, subject.fits, exits, subject.classes);
    });
    const std::int64_t jets =
        plan_.jets == 0 ? subject.jets.count : std::min(plan_.jets, subject.jets.count);
    const std::int64_t cut = bench::count_cut(comm_, subject.jets, jets);
    deploy::Stage stage(std::move(opened.network), plan_.segments_of(tier_), std::move(rule),
                        thresholds, options_.threads);
    enter("run");
    const deploy::Deployment deployment =
        deploy::run(comm_, plan_, stage, subject.jets.read, jets, subject.classes,
                    {.working = [&](std::int64_t done, std::int64_t all) { show(done, all); },
                     .waiting = [&] { context_.watchdog.enter(phase("wait")); }});
    enter("write");
    const DeploymentReport report = summarise(comm_, plan_, deployment);
    h5::Attributes attributes =
        origin(comm_, answers_file(thresholds), subject, context_.command_line);
    attributes["jets_cut"] = cut;
    attributes["plan"] = plan_.text;
    attributes["seconds"] = report.figures.seconds;
    attributes["throughput"] = report.throughput;
    attributes["mark"] = std::string(plan_.emulated() ? "emulated" : "measured");
    store::write_predictions(options_.output, comm_, deployment.share, attributes,
                             [&](store::ShareFile& file) {
                               write_places(file, subject.jets);
                               write_report(file, plan_, deployment, report);
                             });
    const bool crowded = oversubscribed(comm_, options_.threads);
    if (comm_.is_root()) {
      print(report, jets, cut, crowded);
    }
  }

 private:
  std::string phase(const std::string& what) const {
    return fmt::format("deploy:{} tier={}", what, plan_.tiers[tier_].name);
  }
  void enter(const std::string& what) {
    context_.watchdog.enter(phase(what), context_.phase_seconds);
  }
  void show(std::int64_t done, std::int64_t all) {
    enter("run");
    if (comm_.is_root()) {
      progress_.show(report::share_line("answered", done, all), done == all);
    }
  }

  AnswersFile answers_file(const std::vector<double>& thresholds) const {
    return {.path = options_.output,
            .weights = plan_.pieces.empty() ? plan_.weights : plan_.pieces,
            .data = plan_.data,
            .rule = plan_.rule,
            .thresholds = thresholds,
            .batch = plan_.batch,
            .settings = {.threads = options_.threads}};
  }

  void print(const DeploymentReport& report, std::int64_t jets, std::int64_t cut,
             bool crowded) const {
    fmt::print(
        "{}\n{}{} jets in {} s, {} jets/s{}. {} had more constituents than the network keeps and "
        "were cut. The answers are in {}\n",
        report::to_markdown(to_table(plan_, report)),
        crowded ? "More ranks than cores: times say how the program behaves, not how fast the "
                  "machine is.\n"
                : "",
        jets, report::number(report.figures.seconds), report::number(report.throughput),
        plan_.emulated() ? ", over emulated links: times, batches and bytes are what they make them"
                         : "",
        cut, options_.output.string());
  }

  const Options& options_;
  const deploy::Plan plan_;
  Context& context_;
  const comm::Communicator& comm_;
  report::Progress progress_;
  std::size_t tier_ = 0;
};

ExitCode deploy_plan(const Options& options, Context& context) {
  if (options.output.empty() == options.save.empty()) {
    throw InputError("deploy: name either -o, a file for the answers, or --save, a folder");
  }
  const comm::Communicator& comm = context.comm;
  deploy::Plan plan;
  comm.agree([&] { plan = deploy::load_plan(options.plan); });
  comm::require_same(plan.text, options.plan.string(), comm);
  if (options.save.empty()) {
    Run(options, std::move(plan), context).run();
    return ExitCode::ok;
  }
  comm.agree([&] {
    if (comm.is_root()) {
      const report::Table table = save_pieces(plan, options.save);
      fmt::print("{}\nIn the plan, instead of weights: pieces = \"{}\"\n",
                 report::to_markdown(table), std::filesystem::absolute(options.save).string());
    }
  });
  return ExitCode::ok;
}

}  // namespace

Runner setup_deploy(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("--plan", o->plan, "TOML file: which segments each tier runs, on how many ranks")
      ->required()
      ->check(named("file"));
  app.add_option("-o,--output", o->output, "HDF5 file for xarray: answers, and what they took");
  app.add_option("--save", o->save,
                 "Instead of running: a folder for weights cut into one file for each tier");
  add_threads(app, o->threads);
  return [o](Context& context) { return deploy_plan(*o, context); };
}

}  // namespace eebench::cli
