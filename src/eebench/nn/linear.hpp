#pragma once

#include <cstdint>
#include <string>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/context.hpp"

namespace eebench::nn {

/// y = x W^T + b for x [rows, in], y [rows, out]. `site` names the place in the network where
/// precision, packing and counting attach. `trailing` size-1 dimensions are appended to the shape
/// of the weight, so that parameters keep the shapes of 1x1 convolutions in the reference's files.
struct LinearOptions {
  bool bias = true;
  std::int64_t trailing = 0;
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
  /// [out, in] whatever the trailing dimensions.
  at::Tensor matrix() const { return weight.view({out_, in_}); }

  at::Tensor weight;  ///< [out, in, 1, ...]
  at::Tensor bias;    ///< [out], undefined without bias

 private:
  std::string site_;
  std::int64_t in_;
  std::int64_t out_;
  at::Tensor panels_;  ///< undefined before prepare()
};
TORCH_MODULE(Linear);

/// Prepares every linear layer below a module.
void prepare_linears(torch::nn::Module& module);

/// What a linear layer multiplies by.
struct LinearWeights {
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out] or undefined
  at::Tensor panels;  ///< the weight packed for inference, or undefined
};
LinearWeights prepared(LinearWeights weights);

/// activation(x W^T + b); counts its work. Float32 inference on the CPU sums every dot product in
/// index order, whatever the number of rows; a deterministic context demands that path. In bfloat16
/// the factors are rounded and products summed in float32; weights and gradients keep their type.
at::Tensor linear(const at::Tensor& x, const LinearWeights& weights, const Context& context,
                  Activation activation = Activation::none);

}  // namespace eebench::nn
