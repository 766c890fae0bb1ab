#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/cli/answers_file.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/subject.hpp"
#include "eebench/comm/share.hpp"
#include "eebench/core/error.hpp"
#include "eebench/model/linear_sites.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/report/progress.hpp"
#include "eebench/report/table.hpp"
#include "eebench/stats/answer.hpp"
#include "eebench/stats/compare.hpp"
#include "eebench/store/all_exits.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::filesystem::path weights;
  std::filesystem::path calibration;
  std::filesystem::path test;
  std::filesystem::path output;
  std::int64_t jets = 2000;
  std::vector<std::int64_t> bits = {8};
  std::int64_t ends = 16;
  std::string range = "mse";
  int threads = 1;
};

/// Layers that read the inputs, of all networks.
constexpr std::array readers{"embed.embed.1",   "pair_embed.embed.1", "edge_convs.0.convs.0",
                             "edge_convs.0.sc", "node_encode.1",      "edge_encode.1",
                             "phi.0.0"};

/// Whether a layer reads the inputs, or gives logits.
bool is_end(const model::LinearSite& site, const model::Network& network) {
  return site.layer->out() == network.classes() ||
         std::find(readers.begin(), readers.end(), site.path) != readers.end();
}

/// A row of [[quantize]] in which weight and input have so many bits.
toml::table row(const std::string& site, std::int64_t segment, std::int64_t bits,
                const std::string& range) {
  toml::table table{{"site", site},
                    {"weight", fmt::format("int{}-per-channel", bits)},
                    {"input", fmt::format("int{}-{}", bits, range)}};
  if (segment >= 0) {
    table.insert("segments", toml::array{segment});
  }
  return table;
}

/// The configuration with a list [[quantize]] as the options ask.
model::ModelConfig quantized(const model::ModelConfig& config, const model::Network& network,
                             const Options& options) {
  if (options.bits.size() != 1 &&
      static_cast<std::int64_t>(options.bits.size()) != network.exits()) {
    throw InputError(fmt::format("--bits: {} numbers for {} segments; give one, or one for each",
                                 options.bits.size(), network.exits()));
  }
  const std::vector<model::LinearSite> sites = model::linear_sites(network);
  toml::array rows;
  for (std::size_t segment = 0; segment < options.bits.size(); ++segment) {
    rows.push_back(row("*", options.bits.size() == 1 ? -1 : static_cast<std::int64_t>(segment),
                       options.bits[segment], options.range));
  }
  for (const model::LinearSite& site : sites) {
    if (is_end(site, network)) {
      rows.push_back(row(site.path, -1, options.ends, options.range));
    }
  }
  model::ModelConfig result = config;
  result.table.insert_or_assign("quantize", rows);
  return result;
}

/// \collective Runs the calibration jets through every exit, and gives every input its range.
/// Global batches are the same whatever the number of ranks, and so is the result.
void calibrate(exec::Executor& executor, const std::vector<model::LinearSite>& sites,
               const bench::Jets& jets, std::int64_t count, Context& context) {
  const comm::Communicator& comm = context.comm;
  const nn::RankMerge ranks{
      .max = [&](std::span<double> values) { comm.all_reduce(values, comm::Reduce::max); },
      .sum = [&](std::span<std::int64_t> values) { comm.all_reduce(values, comm::Reduce::sum); }};
  constexpr std::int64_t batch = 256;
  report::Progress progress(stderr);
  const data::ReadJets read = data::read_ahead(jets.read, count);
  for (const model::LinearSite& site : sites) {
    site.layer->quantizers().input->observe(true);
  }
  for (std::int64_t begin = 0; begin < count; begin += batch) {
    context.watchdog.enter("quantize:calibrate", context.phase_seconds);
    const comm::Share share =
        comm::share_of(std::min(batch, count - begin), comm.rank(), comm.size());
    comm.agree([&] {
      if (share.end > share.begin) {
        executor.replay(read(begin + share.begin, begin + share.end));
      }
    });
    for (const model::LinearSite& site : sites) {
      site.layer->quantizers().input->merge(ranks);
    }
    if (comm.is_root()) {
      const std::int64_t done = std::min(begin + batch, count);
      progress.show(report::share_line("calibrate", done, count), done == count);
    }
  }
  comm.agree([&] {
    for (const model::LinearSite& site : sites) {
      site.layer->quantizers().input->observe(false);
      site.layer->quantizers().input->fix(site.path);
    }
  });
}

/// The network with quantizers that have no ranges yet; `weights` become those of its file, with
/// its configuration. Throws InputError where the options do not fit.
LoadedNetwork with_quantizers(const Options& options, model::Weights& weights) {
  LoadedNetwork loaded = load_network({.name = options.weights.stem(), .weights = options.weights});
  if (loaded.config.table.contains("quantize")) {
    throw InputError(fmt::format("{} is quantized already; give the weights that it was made of",
                                 options.weights.string()));
  }
  const model::StateDict given = model::state_dict(*loaded.network);
  const std::map tensors(given.begin(), given.end());
  LoadedNetwork result = draw_network(quantized(loaded.config, *loaded.network, options));
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : model::state_dict(*result.network)) {
    if (const auto own = tensors.find(name); own != tensors.end()) {
      tensor.copy_(own->second);
    }
  }
  weights = loaded.weights;
  weights.config = result.config.text();
  result.weights = std::move(loaded.weights);
  return result;
}

/// \collective The quantized network of the options, written to --output. Returns whether it has
/// layers that can multiply integers.
bool write_quantized(const Options& options, Context& context) {
  const bench::ModelEntry entry{.name = options.weights.stem(), .weights = options.weights};
  model::Weights weights;
  std::vector<model::LinearSite> sites;
  Opened opened = open_network(
      context, entry, [&] { return with_quantizers(options, weights); }, options.calibration);
  for (const model::LinearSite& site : model::linear_sites(*opened.network)) {
    if (site.layer->quantizers()) {
      sites.push_back(site);
    }
  }
  model::StateDict tensors = model::state_dict(*opened.network);  // shared with the network
  const std::int64_t count = options.jets == 0 ? opened.subject.jets.count
                                               : std::min(options.jets, opened.subject.jets.count);
  const auto executor =
      exec::make_executor(std::move(opened.network), {.threads = options.threads});
  calibrate(*executor, sites, opened.subject.jets, count, context);
  context.comm.agree([&] {
    if (context.comm.is_root()) {
      weights.tensors = std::move(tensors);
      weights.gates = {};
      weights.origin = fmt::format("{}\nquantized: {}, {} of its jets", weights.origin,
                                   context.command_line, count);
      model::write_weights(options.output, weights);
    }
  });
  return std::any_of(sites.begin(), sites.end(), [](const model::LinearSite& site) {
    return nn::fits_int8(site.layer->matrix(), site.layer->quantizers());
  });
}

/// \collective Every exit's answers to the test jets; all on the root, none elsewhere.
store::AllExits answers(const Options& options, const std::filesystem::path& weights,
                        exec::Precision precision, Context& context) {
  bench::Suite suite;
  suite.data = options.test.empty() ? options.calibration : options.test;
  const bench::Subject subject =
      open_subject(context, {.name = weights.stem(), .weights = weights, .precision = precision},
                   suite, options.threads);
  report::Progress progress(stderr);
  const std::string stage =
      fmt::format("{} {}", weights.filename().string(), exec::name(precision));
  const store::AllExits share =
      store::all_exits_pass(context.comm, *subject.executor, subject.jets.read, subject.jets.count,
                            subject.classes, [&](std::int64_t done, std::int64_t all) {
                              context.watchdog.enter("quantize:" + stage, context.phase_seconds);
                              if (context.comm.is_root()) {
                                progress.show(report::share_line(stage, done, all), done == all);
                              }
                            });
  return store::all_on_root(context.comm, share);
}

/// Of one exit, whose answers are right, and what they are.
struct Judged {
  std::vector<std::uint8_t> right;
  std::vector<std::int64_t> answer;
};

Judged judge(const store::AllExits& jets, std::int64_t exit) {
  Judged judged;
  const auto classes = static_cast<std::int64_t>(jets.classes.size());
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const auto first = static_cast<std::size_t>((jet * jets.exits + exit) * classes);
    judged.answer.push_back(
        stats::answer_of(std::span(jets.logits).subspan(first, static_cast<std::size_t>(classes))));
    judged.right.push_back(judged.answer.back() == jets.labels[static_cast<std::size_t>(jet)] ? 1
                                                                                              : 0);
  }
  return judged;
}

double mean(const std::vector<std::uint8_t>& right) {
  return static_cast<double>(std::count(right.begin(), right.end(), 1)) /
         static_cast<double>(right.size());
}

/// Share, in %, of jets with another answer.
std::string flips(const Judged& a, const Judged& b) {
  std::int64_t count = 0;
  for (std::size_t jet = 0; jet < a.answer.size(); ++jet) {
    count += a.answer[jet] != b.answer[jet] ? 1 : 0;
  }
  return fmt::format("{:.2f}",
                     100.0 * static_cast<double>(count) / static_cast<double>(a.answer.size()));
}

double farthest(const store::AllExits& a, const store::AllExits& b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.logits.size(); ++i) {
    const double apart = std::abs(static_cast<double>(a.logits[i]) - b.logits[i]);
    largest = std::isnan(apart) || apart > largest ? apart : largest;
    if (std::isnan(largest)) {
      break;
    }
  }
  return largest;
}

/// `real`: in integers, or no jets.
report::Table table_of(const store::AllExits& whole, const store::AllExits& fake,
                       const store::AllExits& real) {
  report::Table table;
  table.columns = {{"exit", "", {}},
                   {"float accuracy", "", {}},
                   {"quantized", "", {}},
                   {"loss", "points", {}},
                   {"other answers", "%", {}}};
  if (real.jets() > 0) {
    table.columns.push_back({"int8 accuracy", "", {}});
    table.columns.push_back({"other answers than quantized", "%", {}});
  }
  for (std::int64_t exit = 0; exit < whole.exits; ++exit) {
    const Judged a = judge(whole, exit);
    const Judged b = judge(fake, exit);
    const stats::PairedDifference loss = stats::paired_difference(a.right, b.right);
    std::vector<std::string> cells = {
        std::to_string(exit), fmt::format("{:.4f}", mean(a.right)),
        fmt::format("{:.4f}", mean(b.right)),
        fmt::format("{:.2f} ({:.2f} to {:.2f})", 100.0 * loss.difference, 100.0 * loss.interval.low,
                    100.0 * loss.interval.high),
        flips(a, b)};
    if (real.jets() > 0) {
      const Judged c = judge(real, exit);
      cells.push_back(fmt::format("{:.4f}", mean(c.right)));
      cells.push_back(flips(b, c));
    }
    for (std::size_t column = 0; column < cells.size(); ++column) {
      table.columns[column].cells.push_back(cells[column]);
    }
  }
  return table;
}

ExitCode run_quantize(const Options& options, Context& context) {
  context.comm.agree([&] {
    if (context.comm.is_root()) {
      check_output(options.output, std::array{options.weights, options.calibration, options.test});
    }
    model::Weights unused;
    with_quantizers(options, unused);  // what does not fit is told before the passes
  });
  context.watchdog.enter("quantize:load", context.phase_seconds);
  const store::AllExits whole = answers(options, options.weights, exec::Precision::fp32, context);
  const bool in_integers = write_quantized(options, context);
  const store::AllExits fake = answers(options, options.output, exec::Precision::fp32, context);
  store::AllExits real;
  if (in_integers) {
    real = answers(options, options.output, exec::Precision::int8, context);
  }
  if (context.comm.is_root()) {
    const std::filesystem::path& test = options.test.empty() ? options.calibration : options.test;
    fmt::print(
        "Of {} jets of {}{}, with 95 % intervals:\n\n{}\n{}\nThe quantized network is in {}{}\n",
        whole.jets(), test.filename().string(),
        options.test.empty() ? ", some of which gave the ranges" : "",
        report::to_markdown(table_of(whole, fake, real)),
        in_integers
            ? fmt::format("Logits of int8 and of the same grids in float32 differ by {:.2g} "
                          "at most.",
                          farthest(fake, real))
            : "No layer has at most 8 bits on both sides: there are no products of integers.",
        options.output.string(),
        whole.exits > 1 ? "; rules with gates need new ones: eebench gates" : "");
  }
  return ExitCode::ok;
}

}  // namespace

Runner setup_quantize(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("--weights", o->weights, "Weights in floating point (.h5 of eebench)")
      ->required()
      ->check(named("file"));
  app.add_option("--calibration", o->calibration,
                 "Jets (HDF5) that give the ranges of activations; not those it is tested on")
      ->required()
      ->check(named("file"));
  app.add_option("--jets", o->jets, "Only the first so many of them; 0: all")
      ->check(at_least(0))
      ->capture_default_str();
  app.add_option("--bits", o->bits,
                 "Of weights and inputs of linear layers: one number, or one for each segment with "
                 "its head, with commas")
      ->delimiter(',')
      ->check(CLI::Range(2, 16))
      ->capture_default_str();
  app.add_option("--end-bits", o->ends,
                 "The same of the layers that read the jets and that give the logits")
      ->check(CLI::Range(2, 16))
      ->capture_default_str();
  app.add_option("--range", o->range,
                 "Of activations: smallest to largest (asymmetric); or around 0, to the largest "
                 "(absmax), its moving average (ema), the 99.999th percentile, or least squared "
                 "error (mse)")
      ->check(CLI::IsMember({"asymmetric", "absmax", "ema", "percentile", "mse"}))
      ->capture_default_str();
  app.add_option("--test", o->test, "Jets to compare on; default: those of --calibration")
      ->check(named("file"));
  add_threads(app, o->threads);
  app.add_option("-o,--output", o->output, "Quantized weights (.h5)")->required();
  return [o](Context& context) { return run_quantize(*o, context); };
}

}  // namespace eebench::cli
