#include "eebench/cli/subject.hpp"

#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "eebench/comm/same_input.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/exits/thresholds.hpp"

namespace eebench::cli {
namespace {

/// The suite's jets as the network wants them. \collective
bench::Jets open_jets(Context& context, const std::shared_ptr<data::JetSource>& source) {
  bench::Jets jets;
  if (const std::string line = source->selection_line(); !line.empty()) {
    jets.place = [source](std::int64_t jet) { return source->place(jet); };
    if (context.comm.is_root()) {
      fmt::print(stderr, "{}\n", line);
    }
  }
  jets.sha256 = comm::agreed_sha256(source->files(), context.comm, [&] {
    context.watchdog.enter("SHA-256 of " + source->path().string(), context.phase_seconds);
  });
  jets.count = source->jets();
  jets.read = [source](std::int64_t begin, std::int64_t end) { return source->read(begin, end); };
  jets.cut = [source](std::int64_t begin, std::int64_t end) { return source->cut(begin, end); };
  return jets;
}

/// SHA-256 over what network and inputs are built from, wherever their files lie.
std::string network_sha256(const model::ModelConfig& config, const data::JetSource& source) {
  model::ModelConfig placeless = config;
  placeless.features = std::filesystem::path(config.features).filename();
  return sha256(model::network_sha256(placeless) + source.config_sha256());
}

}  // namespace

Opened open_network(Context& context, const bench::ModelEntry& entry,
                    const std::function<LoadedNetwork()>& load, const std::filesystem::path& data) {
  const comm::Communicator& comm = context.comm;
  Opened opened;
  bench::Subject& subject = opened.subject;
  std::shared_ptr<data::JetSource> source;
  comm.agree([&] {
    LoadedNetwork loaded = load();
    opened.network = std::move(loaded.network);
    opened.features = loaded.features;
    source = std::make_shared<data::JetSource>(data, loaded.features);
    subject.weights_sha256 = loaded.weights.whole_sha256.empty()
                                 ? model::sha256(loaded.weights.tensors)
                                 : loaded.weights.whole_sha256;
    subject.network_sha256 = network_sha256(loaded.config, *source);
    subject.fits = {entry.weights.string(), loaded.weights.gates.numbers};
    subject.gates_sha256 = model::sha256(loaded.weights.gates);
    subject.gates_data_sha256 = loaded.weights.gates.data_sha256;
    subject.classes = source->classes();
    model::check_classes(source->classes().size(), source->path().string(), *opened.network,
                         entry.name);
  });
  comm::require_same(subject.weights_sha256 + subject.gates_sha256, entry.weights.string(), comm);
  comm::require_same(subject.network_sha256,
                     entry.config.empty() ? entry.weights.string() : entry.config, comm);
  subject.jets = open_jets(context, source);
  return opened;
}

bench::Subject open_subject(Context& context, const bench::ModelEntry& entry,
                            const bench::Suite& suite, int threads) {
  const comm::Communicator& comm = context.comm;
  Opened opened = open_network(
      context, entry, [&] { return load_network(entry); }, suite.data);
  bench::Subject& subject = opened.subject;
  std::shared_ptr<data::JetSource> choosing;
  comm.agree([&] {
    if (suite.choosing) {
      choosing = std::make_shared<data::JetSource>(suite.choosing->data, opened.features);
      if (choosing->classes() != subject.classes) {
        throw InputError(
            fmt::format("{} and {} have other classes; choose thresholds on such jets "
                        "as are reported on",
                        suite.choosing->data.string(), suite.data.string()));
      }
    }
    subject.executor =
        exec::make_executor(std::move(opened.network), {.device = suite.device,
                                                        .deterministic = suite.deterministic,
                                                        .precision = entry.precision,
                                                        .threads = threads,
                                                        .local_rank = comm.local_rank()});
  });
  if (choosing) {
    subject.choosing = open_jets(context, choosing);
  }
  return std::move(opened.subject);
}

std::vector<double> option_thresholds(const std::string& rule, const std::vector<double>& given,
                                      std::int64_t exits) {
  try {
    exits::check_thresholds(rule, given);
    return exits::thresholds_for(given, exits);
  } catch (const InputError& error) {
    throw InputError(fmt::format("--threshold: {}", error.what()));
  }
}

}  // namespace eebench::cli
