#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "eebench/train/flat_parameters.hpp"

namespace eebench::train {

/// Moves parameters along their gradients.
class Optimiser {
 public:
  virtual ~Optimiser() = default;
  /// `step` counts from 1.
  virtual void update(FlatParameters& parameters, std::int64_t step, double lr,
                      double weight_decay) = 0;
  /// What it remembers between steps, flat as the parameters, by name: checkpoints hold it.
  virtual std::vector<std::pair<std::string, at::Tensor>> memory() const = 0;
};

struct OptimiserEntry {
  std::string_view name;
  std::string_view sentence;
  /// For parameters with these first values.
  std::unique_ptr<Optimiser> (*make)(const at::Tensor& values);
};
std::span<const OptimiserEntry> optimiser_registry();

}  // namespace eebench::train
