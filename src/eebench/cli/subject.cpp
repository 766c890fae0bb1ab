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

}  // namespace

bench::Subject open_subject(const comm::Communicator& comm, const bench::ModelEntry& entry,
                            const bench::Suite& suite, int threads) {
  bench::Subject subject;
  comm.agree([&] {
    const model::Weights weights = model::read_weights(entry.weights);
    const model::ModelConfig config = config_of(entry, weights);
    const data::DataConfig features =
        data::DataConfig::load(sys::find_resource("configs/data/" + config.features + ".yaml"));
    const auto source = std::make_shared<data::JetSource>(suite.data, features);
    std::unique_ptr<model::Network> network =
        model::make_network(config, static_cast<std::int64_t>(features.features.size()));
    model::load_state_dict(*network, weights.tensors, entry.weights.string());
    network->eval();

    subject.weights_sha256 = model::sha256(weights.tensors);
    subject.classes = source->classes();
    subject.jets = source->jets();
    subject.read = [source](std::int64_t begin, std::int64_t end) {
      return source->read(begin, end);
    };
    if (static_cast<std::int64_t>(subject.classes.size()) != network->classes()) {
      throw InputError(fmt::format("{} has {} classes, model {} answers {}; give data that fit",
                                   suite.data.string(), subject.classes.size(), entry.name,
                                   network->classes()));
    }
    subject.executor = exec::make_executor(
        std::move(network),
        {.device = suite.device, .deterministic = suite.deterministic, .threads = threads});
    if (comm.is_root()) {
      subject.data_sha256 = sha256_file(suite.data);
    }
  });
  subject.data_sha256 = comm.broadcast(subject.data_sha256);
  return subject;
}

}  // namespace eebench::cli
