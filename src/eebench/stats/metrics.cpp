#include "eebench/stats/metrics.hpp"

#include <array>

namespace eebench::stats {

std::span<const Metric> metric_registry() {
  using enum Direction;
  static constexpr std::array registry = {
      Metric{"accuracy", "1", "share of jets answered rightly", higher_is_better},
      Metric{"auc", "1", "macro one-vs-one area under the ROC curve", higher_is_better},
      Metric{"rejection", "1",
             "one over the background rate at the signal's working point, per signal class",
             higher_is_better},
      Metric{"exit_fraction", "1", "share of jets that leave at each exit", neither},
      Metric{"exit_accuracy", "1", "accuracy of the jets that leave at each exit", neither},
      Metric{"mean_multiply_adds", "1", "multiply-adds per jet, heads included", lower_is_better},
      Metric{"mean_parameters", "1", "parameters used per jet, heads included", lower_is_better},
      Metric{"throughput", "jets/s", "jets answered per second", higher_is_better},
      Metric{"latency_p50", "s", "median time from a batch's hand-over to an answer",
             lower_is_better},
      Metric{"latency_p90", "s", "90 % quantile of that time", lower_is_better},
      Metric{"latency_p99", "s", "99 % quantile of that time", lower_is_better},
      Metric{"flip_rate", "1", "share of jets whose exit differs between replay and run",
             lower_is_better},
  };
  return registry;
}

}  // namespace eebench::stats
