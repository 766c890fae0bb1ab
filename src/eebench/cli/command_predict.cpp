#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "eebench/cli/answers_file.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/performance.hpp"
#include "eebench/cli/subject.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/report/progress.hpp"
#include "eebench/store/predictions_file.hpp"

namespace eebench::cli {
namespace {

struct Options {
  bench::ModelEntry model;
  std::filesystem::path data;
  std::string rule;
  std::vector<double> thresholds;
  std::int64_t limit = 0;
  std::int64_t batch = 64;
  exec::Settings settings;
  std::filesystem::path output;
};

AnswersFile answers_file(const Options& options, const std::vector<double>& thresholds = {}) {
  return {.path = options.output,
          .weights = options.model.weights,
          .data = options.data,
          .rule = options.rule,
          .thresholds = thresholds,
          .batch = options.batch,
          .settings = options.settings};
}

bench::Subject open(const Options& options, Context& context) {
  bench::Suite suite;
  suite.data = options.data;
  suite.device = options.settings.device;
  suite.deterministic = options.settings.deterministic;
  return open_subject(context, options.model, suite, options.settings.threads);
}

class Prediction {
 public:
  Prediction(const Options& options, Context& context)
      : options_(options), context_(context), comm_(context.comm), progress_(stderr) {}

  report::Table run() {
    comm_.agree([&] {
      if (comm_.is_root()) {
        check_output(options_.output, std::array{options_.data, options_.model.weights});
      }
    });
    context_.watchdog.enter("predict:load", context_.phase_seconds);
    subject_ = open(options_, context_);
    jets_ =
        options_.limit == 0 ? subject_.jets.count : std::min(options_.limit, subject_.jets.count);
    cut_ = bench::count_cut(comm_, subject_.jets, jets_);
    return options_.rule.empty() ? every_exit() : leaving();
  }
  std::int64_t jets() const { return jets_; }
  /// Jets that lost constituents.
  std::int64_t cut() const { return cut_; }

 private:
  report::Table every_exit() {
    const store::AllExits share =
        store::all_exits_pass(comm_, *subject_.executor, subject_.jets.read, jets_,
                              subject_.classes, advance("every exit"), {}, options_.batch);
    store::write_predictions(options_.output, comm_, share, attributes({}), places());
    return performance(comm_, share);
  }

  report::Table leaving() {
    exits::Rule rule;
    std::vector<double> thresholds;
    comm_.agree([&] {
      const std::int64_t exits = subject_.executor->exits();
      rule = exits::make_rule(options_.rule, subject_.fits, exits, subject_.classes);
      thresholds = option_thresholds(options_.rule, options_.thresholds, exits);
    });
    const store::TakenExits share =
        store::leaving_pass(comm_, *subject_.executor, subject_.jets.read, jets_, subject_.classes,
                            rule, thresholds, advance("leaving early"), options_.batch);
    store::write_predictions(options_.output, comm_, share, attributes(thresholds), places());
    return performance(comm_, share);
  }

  std::function<void(store::ShareFile&)> places() const {
    return [this](store::ShareFile& file) { write_places(file, subject_.jets); };
  }

  store::Advance advance(const std::string& what) {
    return [this, what](std::int64_t done, std::int64_t all) {
      context_.watchdog.enter("predict:" + what, context_.phase_seconds);
      if (comm_.is_root()) {
        progress_.show(report::share_line(what, done, all), done == all);
      }
    };
  }

  h5::Attributes attributes(const std::vector<double>& thresholds) {
    context_.watchdog.enter("predict:write", context_.phase_seconds);
    h5::Attributes all =
        origin(comm_, answers_file(options_, thresholds), subject_, context_.command_line);
    all["jets_cut"] = cut_;
    return all;
  }

  const Options& options_;
  Context& context_;
  const comm::Communicator& comm_;
  report::Progress progress_;
  bench::Subject subject_;
  std::int64_t jets_ = 0;
  std::int64_t cut_ = 0;
};

ExitCode predict(const Options& options, Context& context) {
  Prediction prediction(options, context);
  const report::Table table = prediction.run();
  if (context.comm.is_root()) {
    fmt::print(
        "{}\nOf {} jets {} had more constituents than the network keeps and were cut. The answers "
        "are in {}\n",
        report::to_markdown(table), prediction.jets(), prediction.cut(), options.output.string());
  }
  return ExitCode::ok;
}

}  // namespace

Runner setup_predict(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  o->model.name = "predict";
  app.add_option("--model", o->model.config,
                 "Name of `eebench list models` or a TOML file; default: the one in the weights");
  app.add_option("--features,--data-config", o->model.features,
                 "kin, kinpid, full or a weaver data configuration (YAML); default: the model's");
  app.add_option("--weights", o->model.weights,
                 "Of eebench (.h5) or PyTorch (.pt); weights without early heads: one exit")
      ->required()
      ->check(named("file"));
  app.add_option("--data", o->data, "Jet file")->required();
  app.add_option("--limit", o->limit, "Only the first so many jets; 0: all")
      ->check(at_least(0))
      ->capture_default_str();
  auto* rule = app.add_option("--rule", o->rule,
                              "Jets leave early by this rule (`eebench list rules`) or formula; "
                              "default: nobody leaves and every exit answers")
                   ->check(named("rule"));
  auto* threshold = app.add_option("--threshold", o->thresholds,
                                   "A jet leaves where its score is at least this: one number, or "
                                   "one for each early exit with commas")
                        ->delimiter(',')
                        ->needs(rule);
  rule->needs(threshold);
  app.add_option("--batch", o->batch, "Jets a batch")->check(at_least(1))->capture_default_str();
  app.add_option("--device", o->settings.device, "cpu or cuda (one GPU per local rank)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--precision",
         [o](const std::string& name) {
           o->settings.precision = exec::precision_of(name);
           o->model.precision = o->settings.precision;
         },
         "Of the products of linear layers: fp32, bf16, or int8 of quantized ones")
      ->default_str("fp32");
  add_threads(app, o->settings.threads);
  app.add_flag(
      "--deterministic", o->settings.deterministic,
      "Insist on kernels whose sums have a fixed order, so that run and replay agree on every "
      "jet: on CPUs all float32 kernels are such anyway, other devices are refused");
  app.add_option("-o,--output", o->output, "HDF5 file for xarray")->required();
  return [o](Context& context) {
    if (!o->rule.empty()) {
      o->rule = exits::parse_rule(o->rule);
    }
    return predict(*o, context);
  };
}

}  // namespace eebench::cli
