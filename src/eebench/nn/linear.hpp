#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/quantizer.hpp"

namespace eebench::nn {

/// What puts weight and input of a linear layer on grids; both or none.
struct Quantizers {
  std::shared_ptr<Quantizer> weight;
  std::shared_ptr<Quantizer> input;
  /// Multiply the integers of both grids, on CPUs and where they have at most 8 bits, instead of
  /// the values that they stand for.
  bool integers = false;
  explicit operator bool() const { return input != nullptr; }
};

/// A weight and the grid of its input as integers of 8 bits.
struct Int8Layer;

/// What a linear layer multiplies by.
struct LinearWeights {
  at::Tensor weight;           ///< [out, in]
  at::Tensor bias;             ///< [out] or undefined
  at::Tensor panels = {};      ///< the weight packed for inference, or undefined
  Quantizers quantizers = {};  ///< of a prepared weight, which is on its grid, the input's alone
  std::shared_ptr<const Int8Layer> int8 = {};  ///< of a prepared weight, or none
};

/// y = x W^T + b for x [rows, in], y [rows, out]. `site` names the place in the network, by which
/// quantization finds it. `trailing` size-1 dimensions are appended to the shape of the weight, so
/// that parameters keep the shapes of 1x1 convolutions in the reference's files.
struct LinearOptions {
  bool bias = true;
  std::int64_t trailing = 0;
  std::string prefix = {};  ///< of the names of the parameters
  /// Weights begin uniform within it, and the bias at 0; 0: both within 1/sqrt(in).
  double bound = 0.0;
  bool is_cut = false;  ///< the network multiplies by parts of the weight, each by itself
};

class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(std::string site, std::int64_t in, std::int64_t out, LinearOptions options = {});
  at::Tensor forward(const at::Tensor& x, const Context& context,
                     Activation activation = Activation::none);
  /// Packs the weight once for inference; parameters do not change afterwards.
  void prepare();

  const std::string& site() const { return site_; }
  std::int64_t in() const { return in_; }
  std::int64_t out() const { return out_; }
  bool is_cut() const { return is_cut_; }
  /// [out, in] whatever the trailing dimensions.
  at::Tensor matrix() const { return weight.view({out_, in_}); }
  /// From now on weight and input are quantized; the quantizers become part of this module.
  void quantize(Quantizers quantizers);
  void use_integers() { quantizers_.integers = true; }
  const Quantizers& quantizers() const { return quantizers_; }
  /// As they are trained, prepared or not: to fold something into.
  LinearWeights weights() const;

  at::Tensor weight;  ///< [out, in, 1, ...]
  at::Tensor bias;    ///< [out], undefined without bias

 private:
  std::string site_;
  std::int64_t in_;
  std::int64_t out_;
  bool is_cut_;
  Quantizers quantizers_;
  std::optional<LinearWeights> prepared_;
};
TORCH_MODULE(Linear);

/// Prepares every linear layer below a module.
void prepare_linears(torch::nn::Module& module);

/// The weight on its grid, and packed for inference.
LinearWeights prepared(LinearWeights weights);

/// Whether both grids have at most 8 bits, so that their integers can be multiplied.
bool fits_int8(const at::Tensor& weight, const Quantizers& quantizers);

/// activation(x W^T + b); counts its work. Float32 inference on the CPU sums every dot product in
/// index order, whatever the number of rows; a deterministic context demands that path. In bfloat16
/// the factors are rounded and products summed in float32; weights and gradients keep their type.
at::Tensor linear(const at::Tensor& x, const LinearWeights& weights, const Context& context,
                  Activation activation = Activation::none);

}  // namespace eebench::nn
