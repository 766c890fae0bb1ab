#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/model/cost.hpp"
#include "eebench/model/network.hpp"
#include "eebench/nn/activation.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::model::pelican {

/// How a layer sums up pairs or particles; see PelicanSums.
struct Aggregation {
  enum class By : std::uint8_t { sum, mean, largest, smallest };
  By by = By::sum;
  bool powers = false;  ///< of n / nobj_avg, trained
  double nobj_avg = 49;

  bool linear() const { return by == By::sum || by == By::mean; }
  /// What a sum over `indices` indices of a jet of n particles is multiplied by.
  double factor(std::int64_t indices, std::int64_t n) const;
};
/// From a letter of the configuration. Throws InputError that names the key.
Aggregation aggregation(const std::string& key, const std::string& letter, double nobj_avg);

/// What an operation of a layer reads: pairs x_ij or x_ji, the diagonal x_ii, sums over one index
/// (columns: over i, at j; rows: over j, at i), the sum of the diagonal, the sum of all. A layer on
/// particles x_i reads them as the diagonal.
enum class Source : std::uint8_t { pair, transposed, diagonal, column, row, trace, total };
/// Where it adds to: y_ij from what stands at (i, j), at i, or at j; or y_ii alone.
enum class Target : std::uint8_t { pair, row, column, diagonal };
struct Operation {
  Source source;
  Target target;
  /// Summed indices; none: there is no factor and no power either.
  std::optional<std::int64_t> indices;
};
/// All 15 permutation-equivariant linear maps from pairs to pairs, in the order of the reference.
std::span<const Operation> pairs_to_pairs();
/// The 6 of them that PELICAN nano keeps for its symmetric pairs.
std::span<const Operation> pairs_to_pairs_nano();
/// From particles to pairs.
std::span<const Operation> particles_to_pairs();

/// Sums of pairs, without factors. Of the largest and smallest, over the pairs and one 0: the
/// reference takes the padding of its batch into account, zeros, so that its answer depends on the
/// jets beside; one 0 gives its answers where there is padding, and depends on the jet alone.
struct Reduced {
  at::Tensor diagonal;  ///< [sum n, C]
  at::Tensor column;    ///< [sum n, C]
  at::Tensor row;       ///< [sum n, C]
  at::Tensor trace;     ///< [B, C]
  at::Tensor total;     ///< [B, C]
};
/// x [sum n^2, C].
Reduced reduced(const at::Tensor& x, const nn::Ragged& jets, const Aggregation& aggregation);

struct EquivariantOptions {
  std::span<const Operation> operations;
  std::int64_t in = 0;
  std::int64_t out = 0;
  Aggregation aggregation;
  nn::Activation activation = nn::Activation::leaky_relu;
  /// coefs[d, s, b] = coefs00[d, b] coefs10[d, s] + coefs01[s, b] coefs11[d, s]
  bool factorize = false;
  bool diagonal_bias = true;
  bool random_powers = true;  ///< to begin with, uniform in [0, 1); else 0
};

/// y_ijs = activation(sum_db coefs[d, s, b] op_b(x)_ijd + bias_s + delta_ij diag_bias_s).
///
/// The operations are never stored on pairs: all that read sums are linear layers on particles,
/// whose results are added to rows, columns and the diagonal.
class EquivariantImpl : public torch::nn::Module {
 public:
  explicit EquivariantImpl(const EquivariantOptions& options);
  /// x [sum n^2, in]; with operations on particles [sum n, in]. Returns [sum n^2, out].
  at::Tensor forward(const at::Tensor& x, const nn::Ragged& jets, const nn::Context& context);
  void cost(std::int64_t n, CostCounter& counter) const;
  void prepare() { prepared_ = weights(); }

  /// [in, out, operations]
  at::Tensor coefficients() const;
  const Aggregation& aggregation() const { return options_.aggregation; }

  at::Tensor bias;       ///< [out]
  at::Tensor diag_bias;  ///< [out] or undefined
  at::Tensor alphas;     ///< [in, operations with a factor], the powers, or undefined

 private:
  using Weights = std::array<nn::LinearWeights, 4>;  ///< by target
  Weights weights() const;
  std::int64_t count(Target target) const;
  bool on_pairs() const { return count(Target::pair) > 0; }

  EquivariantOptions options_;
  std::int64_t factors_ = 0;  ///< operations with one
  at::Tensor coefs_;          ///< [in, out, operations]; undefined where factorised
  at::Tensor coefs00_;
  at::Tensor coefs01_;
  at::Tensor coefs10_;
  at::Tensor coefs11_;
  std::optional<Weights> prepared_;
};
TORCH_MODULE(Equivariant);

/// From pairs to jets: y_s = sum_db coefs[d, s, b] activation(op_b(x)_d) + bias_s of the total and
/// the trace.
class ToJetsImpl : public torch::nn::Module {
 public:
  ToJetsImpl(std::int64_t in, std::int64_t out, Aggregation aggregation, nn::Activation activation);
  /// x [sum n^2, in]. Returns [B, 2 in], total and trace of a channel side by side, activated.
  at::Tensor aggregates(const at::Tensor& x, const nn::Ragged& jets, const nn::Context& context);
  /// [B, 2 in] to [B, out].
  at::Tensor forward(const at::Tensor& aggregates, const nn::Context& context) const;
  void aggregates_cost(std::int64_t n, CostCounter& counter) const;
  void cost(CostCounter& counter) const;
  const Aggregation& aggregation() const { return aggregation_; }

  at::Tensor coefs;   ///< [in, out, 2]
  at::Tensor bias;    ///< [out]
  at::Tensor alphas;  ///< [in, 2] or undefined

 private:
  Aggregation aggregation_;
  nn::Activation activation_;
};
TORCH_MODULE(ToJets);

/// What a layer does to pairs first: a linear layer with a leaky ReLU, BatchNorm over all pairs of
/// the batch, dropout.
struct MessageOptions {
  std::int64_t in = 0;  ///< 0: no linear layer
  std::int64_t out = 0;
  bool batchnorm = true;
  double dropout = 0.0;
  std::uint64_t site = 0;  ///< distinct for every one of a network
};
class MessageImpl : public torch::nn::Module {
 public:
  explicit MessageImpl(const MessageOptions& options);
  at::Tensor forward(at::Tensor x, const nn::Ragged& jets, const nn::Context& context);
  void cost(std::int64_t n, CostCounter& counter) const;
  /// What BatchNorm does in evaluation: nothing without one.
  nn::BatchNormImpl::Affine affine() const;

 private:
  MessageOptions options_;
  nn::Linear linear_{nullptr};
  nn::BatchNorm norm_{nullptr};
};
TORCH_MODULE(Message);

/// The reference's way to begin: normal weights that keep the variance through a leaky ReLU.
void initialise(nn::LinearImpl& layer);

/// Throws InputError unless both make sense.
void require_nobj(std::int64_t nobj, double nobj_avg);

/// A batch as these networks see it.
struct Momenta {
  at::Tensor vectors;  ///< [sum n, 4] = (px, py, pz, E)
  nn::Ragged jets;
};
/// The vectors of a batch, of each jet `first` [K, 4] and then the first `nobj` constituents (0:
/// all).
Momenta momenta(const State& batch, const at::Tensor& first, std::int64_t nobj);
/// Particles of a jet of n constituents.
std::int64_t particles(std::int64_t n, std::int64_t first, std::int64_t nobj);
void momenta_cost(std::int64_t particles, CostCounter& counter);

}  // namespace eebench::model::pelican
