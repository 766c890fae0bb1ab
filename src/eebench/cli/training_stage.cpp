#include "eebench/cli/training_stage.hpp"

#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>

#include <fmt/format.h>

#include "eebench/cli/network.hpp"
#include "eebench/cli/provenance.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/report/table.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::cli {

std::string training_report(const train::Summary& summary, const std::string& name, int threads,
                            const comm::Communicator& comm) {
  const double rate = summary.all_reduce_seconds > 0.0
                          ? summary.all_reduce_bytes / summary.all_reduce_seconds / 1e9
                          : std::nan("");
  report::Table table;
  table.columns = {{"training", "", {name}, true},
                   {"ranks", "", {std::to_string(comm.size())}},
                   {"steps", "", {std::to_string(summary.steps)}},
                   {"first loss", "", {report::number(summary.first_loss)}},
                   {"last loss", "", {report::number(summary.last_loss)}},
                   {"speed", "jets/s", {report::number(summary.jets_per_second)}},
                   {"in all-reduce", "%", {report::number(100.0 * summary.all_reduce_share)}},
                   {"all-reduce hidden", "%", {report::number(100.0 * summary.all_reduce_hidden)}},
                   {"all-reduce with waiting", "GB/s", {report::number(rate)}}};
  const bool crowded = oversubscribed(comm, threads);
  return report::to_markdown(table) +
         (crowded
              ? "\nMore ranks than cores: speed and shares say how the program behaves, not how "
                "fast the machine is.\n"
              : "");
}

std::string run_training_stage(const bench::TrainingStage& stage, const bench::Suite& suite,
                               const std::filesystem::path& folder, int threads, Context& context) {
  const std::filesystem::path record = folder / "training.md";
  if (context.comm.all(std::filesystem::exists(record))) {
    std::ifstream stream(record);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  train::Session session;
  std::optional<data::JetSource> jets;
  std::int64_t features = 0;
  context.comm.agree([&] {
    session.model = model::load_model_config(stage.config);
    session.settings = train::settings_of(session.model);
    const data::DataConfig config = load_trained_features(session.model.features);
    features = static_cast<std::int64_t>(config.features.size());
    jets.emplace(stage.data, config, data::Use::training);
  });
  session.settings.steps = stage.steps;
  session.settings.global_batch = stage.global_batch;
  session.settings.seed = suite.seed;
  session.output = folder / "training";
  session.device = suite.device;
  session.threads = threads;
  session.progress = [](const std::string&) {};
  session.phase = [&](const std::string& name) {
    context.watchdog.enter(name, context.phase_seconds);
  };
  session.interrupted = [] { return false; };

  const train::Summary summary = train::run(session, *jets, nullptr, features, context.comm);
  const std::string text = training_report(summary, session.model.name, threads, context.comm);
  context.comm.agree([&] {
    if (context.comm.is_root()) {
      sys::publish_text(record, text);
    }
  });
  return text;
}

}  // namespace eebench::cli
