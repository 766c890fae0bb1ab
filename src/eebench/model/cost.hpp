#pragma once

#include <cstdint>

#include "eebench/model/network.hpp"

namespace eebench::model {

/// Adds up the cost of a piece of a network for one jet, operation by operation, with the same
/// words as the operations of nn/; the counts of a real run must equal it exactly. Beside the
/// honest count it keeps the one of weaver-core 0.4's counter ("weaver_macs"), which charges
/// biases, BatchNorm and ReLU but neither LayerNorm, GELU, pair features, gathers nor distances.
class CostCounter {
 public:
  /// Bytes of one number; float32 unless said otherwise.
  explicit CostCounter(std::int64_t width = 4) : width_(width) {}

  /// A Linear module: its bias is charged once a call by the weaver rule.
  void linear(std::int64_t rows, std::int64_t in, std::int64_t out, bool bias = true);
  /// A 1x1 convolution: as linear, but by the weaver rule its bias is charged for each row.
  void convolution(std::int64_t rows, std::int64_t in, std::int64_t out, bool bias);
  void layer_norm(std::int64_t rows, std::int64_t channels);
  /// `folded`: its arithmetic is part of the neighbouring linear layer, parameters and weaver's
  /// charge remain.
  void batch_norm(std::int64_t rows, std::int64_t channels, bool folded = false);
  void gelu(std::int64_t rows, std::int64_t channels);
  void relu(std::int64_t rows, std::int64_t channels);
  /// Of two tensors, and of two with a factor a channel: a residual connection.
  void add(std::int64_t rows, std::int64_t channels);
  void add_scaled(std::int64_t rows, std::int64_t channels);
  /// Copies of so many rows: concat() and prepend().
  void concat(std::int64_t rows, std::int64_t channels);
  /// Of all rows to one.
  void pool(std::int64_t rows, std::int64_t channels);
  /// Attention proper; the projections are linear()s. weaver charges its attention module as a
  /// whole.
  void attention(std::int64_t queries, std::int64_t keys, std::int64_t channels, std::int64_t heads,
                 bool bias);
  void elementwise(std::int64_t elements, std::int64_t flops);
  void parameters(std::int64_t count) { cost_.parameters += count; }
  void weaver(std::int64_t macs) { cost_.weaver_macs += macs; }
  /// Numbers that one operation reads and writes; see Cost::activation_bytes.
  void live(std::int64_t elements);
  void work(const nn::Work& work) { cost_.work += work; }

  const Cost& cost() const { return cost_; }

 private:
  std::int64_t width_;
  Cost cost_;
};

}  // namespace eebench::model
