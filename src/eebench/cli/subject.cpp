#include "eebench/cli/subject.hpp"

#include <memory>

#include <fmt/format.h>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::cli {
namespace {

/// The configuration the suite names, else the one stored with the weights.
model::ModelConfig config_of(const bench::ModelEntry& entry, const model::Weights& weights) {
  if (entry.config.empty() && weights.config.empty()) {
    throw InputError(fmt::format(
        "{} carries no model configuration; name one in the suite: [models.{}] config = \"...\"",
        entry.weights.string(), entry.name));
  }
  model::ModelConfig config =
      entry.config.empty() ? model::parse_model_config(weights.config, entry.weights.string())
                           : model::load_model_config(entry.config);
  if (!entry.features.empty()) {
    config.features = entry.features;
  }
  return config;
}

/// The suite's jets as the network wants them. \collective
bench::Jets open_jets(const comm::Communicator& comm, const std::filesystem::path& file,
                      const std::shared_ptr<data::JetSource>& source) {
  bench::Jets jets;
  comm.agree([&] {
    if (comm.is_root()) {
      jets.sha256 = sha256_file(file);
    }
  });
  jets.sha256 = comm.broadcast(jets.sha256);
  jets.count = source->jets();
  jets.read = [source](std::int64_t begin, std::int64_t end) { return source->read(begin, end); };
  return jets;
}

}  // namespace

std::vector<exits::Gate> gates_of(const model::Weights& weights) {
  std::vector<exits::Gate> gates;
  for (const std::vector<double>& numbers : weights.gates.numbers) {
    gates.push_back(exits::unpack(numbers));
  }
  return gates;
}

bench::Subject open_subject(const comm::Communicator& comm, const bench::ModelEntry& entry,
                            const bench::Suite& suite, int threads) {
  bench::Subject subject;
  std::shared_ptr<data::JetSource> source;
  std::shared_ptr<data::JetSource> choosing;
  comm.agree([&] {
    const model::Weights weights = model::read_weights(entry.weights);
    const model::ModelConfig config = config_of(entry, weights);
    const data::DataConfig features =
        data::DataConfig::load(sys::find_resource("configs/data/" + config.features + ".yaml"));
    source = std::make_shared<data::JetSource>(suite.data, features);
    std::unique_ptr<model::Network> network =
        model::make_network(config, static_cast<std::int64_t>(features.features.size()));
    model::load_state_dict(*network, weights.tensors, entry.weights.string());
    network->eval();

    subject.weights_sha256 = model::sha256(weights.tensors);
    subject.gates = gates_of(weights);
    subject.gates_sha256 = model::sha256(weights.gates);
    subject.classes = source->classes();
    if (static_cast<std::int64_t>(subject.classes.size()) != network->classes()) {
      throw InputError(fmt::format("{} has {} classes, model {} answers {}; give data that fit",
                                   suite.data.string(), subject.classes.size(), entry.name,
                                   network->classes()));
    }
    if (suite.choosing) {
      choosing = std::make_shared<data::JetSource>(suite.choosing->data, features);
      if (choosing->classes() != source->classes()) {
        throw InputError(
            fmt::format("{} and {} have other classes; choose thresholds on such jets "
                        "as are reported on",
                        suite.choosing->data.string(), suite.data.string()));
      }
    }
    subject.executor = exec::make_executor(
        std::move(network),
        {.device = suite.device, .deterministic = suite.deterministic, .threads = threads});
  });
  subject.jets = open_jets(comm, suite.data, source);
  if (choosing) {
    subject.choosing = open_jets(comm, suite.choosing->data, choosing);
  }
  return subject;
}

}  // namespace eebench::cli
