#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "eebench/nn/ragged.hpp"

namespace eebench::model {

/// What a row of a tensor stands for.
enum class Axis { sample, particle, pair };

/// What travels from one segment of a network to the next: named tensors over the jets of a batch.
/// Rows are [B, ...] per sample, [sum n, ...] per particle, [sum n^2, ...] per pair; the rows of
/// one jet are contiguous, so every operation here is written once for all models.
class State {
 public:
  State() = default;
  explicit State(nn::Ragged jets) : jets_(std::move(jets)) {}

  const nn::Ragged& jets() const { return jets_; }
  std::int64_t size() const { return jets_.jets(); }

  void set(std::string name, Axis axis, at::Tensor tensor);
  /// Throws std::out_of_range for a name that was not set.
  const at::Tensor& get(std::string_view name) const;
  bool has(std::string_view name) const;
  void erase(std::string_view name);

  /// The given jets, in that order. Differentiable.
  State select(std::span<const std::int64_t> jets) const;
  /// The jets of all states one after another; every state has the same names.
  static State concat(std::span<const State> states);
  /// To and from bytes (host order), for other ranks and for files.
  std::vector<std::byte> pack() const;
  static State unpack(std::span<const std::byte> bytes);
  State to(at::Device device, at::ScalarType type) const;
  /// Every tensor as `change` makes it, rows for rows.
  State map(const std::function<at::Tensor(const at::Tensor&)>& change) const;

 private:
  struct Field {
    std::string name;
    Axis axis;
    at::Tensor tensor;
  };
  nn::Ragged jets_;
  std::vector<Field> fields_;
};

}  // namespace eebench::model
