#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "eebench/bench/subject.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/network.hpp"

namespace eebench::cli {

/// A subject that has no executor yet.
struct Opened {
  bench::Subject subject;
  std::unique_ptr<model::Network> network;
  data::DataConfig features;
};

/// Opens jets for the network that `load` gives; `entry` is how messages call it. \collective
Opened open_network(Context& context, const bench::ModelEntry& entry,
                    const std::function<LoadedNetwork()>& load, const std::filesystem::path& data);

/// Loads a network of a suite on this rank's device and opens the suite's jets with its features.
/// \collective
bench::Subject open_subject(Context& context, const bench::ModelEntry& model,
                            const bench::Suite& suite, int threads);

/// One threshold for each early exit of a network of `exits`, from those of --threshold. Throws
/// InputError, which names the option, for another number of them and for what is no score of the
/// rule.
std::vector<double> option_thresholds(const std::string& rule, const std::vector<double>& given,
                                      std::int64_t exits);

}  // namespace eebench::cli
