#pragma once

#include <cstdint>
#include <optional>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/norm.hpp"

namespace eebench::nn {

/// Images are [B, H, W, C], the channels of a pixel side by side, so that every pixel is a row.

struct Conv2dOptions {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< zeros beyond each edge
  bool bias = true;
};

/// Pixels along one side of what a window of `kernel` pixels makes of `size`.
constexpr std::int64_t windows_along(std::int64_t size, std::int64_t kernel, std::int64_t stride,
                                     std::int64_t padding) {
  return (size + 2 * padding - kernel) / stride + 1;
}

/// What a convolution multiplies by.
struct ConvWeights {
  at::Tensor weight;  ///< [out, in, k, k]
  at::Tensor bias;    ///< [out] or undefined
  at::Tensor panels;  ///< the weight packed for inference, or undefined
};

/// activation(convolution) of x [B, H, W, in]: [B, H', W', out]. Float32 inference on the CPU is a
/// linear layer on windows, whose sums do not depend on the other images, as linear(); all else is
/// ATen's.
at::Tensor conv2d(const at::Tensor& x, const ConvWeights& weights, const Conv2dOptions& options,
                  const Context& context, Activation activation = Activation::none);

class Conv2dImpl : public torch::nn::Module {
 public:
  Conv2dImpl(std::int64_t in, std::int64_t out, Conv2dOptions options = {});
  at::Tensor forward(const at::Tensor& x, const Context& context,
                     Activation activation = Activation::none);
  /// Packs the weight once for inference.
  void prepare();
  /// The same with the BatchNorm behind it folded in.
  void prepare(const BatchNorm& norm);

  std::int64_t in() const { return weight.size(1); }
  std::int64_t out() const { return weight.size(0); }
  const Conv2dOptions& options() const { return options_; }

  at::Tensor weight;  ///< [out, in, k, k]
  at::Tensor bias;    ///< [out], undefined without bias

 private:
  Conv2dOptions options_;
  std::optional<ConvWeights> prepared_;
};
TORCH_MODULE(Conv2d);

/// Maximum and mean over windows of size x size pixels, none of them cut: [B, H', W', C].
at::Tensor max_pool2d(const at::Tensor& x, std::int64_t size, std::int64_t stride);
at::Tensor mean_pool2d(const at::Tensor& x, std::int64_t size, std::int64_t stride);

}  // namespace eebench::nn
