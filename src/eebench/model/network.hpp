#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <torch/nn/module.h>

#include "eebench/data/jet_batch.hpp"
#include "eebench/model/state.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::model {

/// What a head says of B jets.
struct HeadOutput {
  at::Tensor logits;     ///< [B, classes]
  at::Tensor embedding;  ///< [B, E] the vector the last linear layer reads
};

/// Cost of one piece of a network for one jet.
struct Cost {
  nn::Work work;
  std::int64_t parameters = 0;
  std::int64_t weaver_macs = 0;  ///< by the rules of weaver-core 0.4's counter
  /// Inputs and outputs of the operation that has most of them, done as textbooks do it: the scores
  /// of attention stored, every jet by itself. An estimate to compare networks by; what this
  /// program holds, fused and in pieces of a batch, is measured (nn/peak_memory.hpp).
  std::int64_t activation_bytes = 0;
};

/// A network cut into a stem, K segments and K heads: jets go through stem, segment 0, head 0,
/// segment 1, ... and may leave after any head. The last head is the network's own classifier.
/// Parameters carry the reference's names; those of early heads begin with "exits.<k>.".
class Network : public torch::nn::Module {
 public:
  virtual std::int64_t exits() const = 0;
  virtual std::int64_t classes() const = 0;
  /// `batch` holds "features" [sum n, F], "points" [sum n, 2] and "vectors" [sum n, 4].
  virtual State stem(const State& batch, nn::Context& context) = 0;
  virtual State segment(std::int64_t k, const State& state, nn::Context& context) = 0;
  virtual HeadOutput head(std::int64_t k, const State& state, nn::Context& context) = 0;
  /// Cost of a piece for a jet of n particles, by formula. Piece: stem, segment k, head k. It is of
  /// what runs: prepare() may change it.
  virtual Cost stem_cost(std::int64_t n) const = 0;
  virtual Cost segment_cost(std::int64_t k, std::int64_t n) const = 0;
  virtual Cost head_cost(std::int64_t k, std::int64_t n) const = 0;
  /// The segment that needs this parameter or buffer; the stem counts to segment 0, a head to its
  /// own.
  virtual std::int64_t segment_of(const std::string& name) const = 0;
  /// Folds and packs weights for inference; the network must be in eval mode and is not trained
  /// afterwards. Results change by rounding only.
  virtual void prepare() {}
};

/// The batch as the stem wants it, on the device and in the precision given.
State make_inputs(const data::JetBatch& batch, at::Device device, at::ScalarType type);

/// Throws InputError where the jets of a file have another number of classes than the network, here
/// `name`.
void check_classes(std::size_t classes, const std::string& file, const Network& network,
                   const std::string& name);

}  // namespace eebench::model
