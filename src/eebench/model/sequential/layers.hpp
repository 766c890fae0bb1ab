#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <torch/nn/module.h>

#include "eebench/model/cost.hpp"
#include "eebench/nn/activation.hpp"
#include "eebench/nn/context.hpp"

namespace eebench::model {

struct LayerConfig;

/// Convolution of images, kernel x kernel pixels, zeros beyond the edges.
struct ConvConfig {
  std::int64_t out = 0;
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  bool bias = true;
};
struct LinearConfig {
  std::int64_t out = 0;
  bool bias = true;
};
/// BatchNorm of the channels.
struct NormConfig {};
struct ActivationConfig {
  nn::Activation function = nn::Activation::relu;
};
/// Over windows of size x size pixels, size apart; size 0: over the whole image.
struct PoolConfig {
  bool maximum = true;
  std::int64_t size = 0;
};
/// An image to its numbers, channel after channel.
struct FlattenConfig {};
struct DropoutConfig {
  double p = 0.5;
};
/// layers(x) + shortcut(x); without a shortcut x itself.
struct ResidualConfig {
  std::vector<LayerConfig> layers;
  std::vector<LayerConfig> shortcut;
};

struct LayerConfig {
  std::variant<ConvConfig, LinearConfig, NormConfig, ActivationConfig, PoolConfig, FlattenConfig,
               DropoutConfig, ResidualConfig>
      of;
};

/// Of a sample: an image [H, W, C] or a vector [F].
using Shape = std::vector<std::int64_t>;

class Layer;

/// Layers one after another.
class Layers {
 public:
  /// Finds every layer's size by a dry run on one sample of zeros. Parameters are registered as
  /// `parent`.<number of the layer>.<name>. `where` is what the user calls the list; `site` is the
  /// number of dropouts made so far. Throws InputError that names the layer which does not fit.
  Layers(torch::nn::Module& parent, const std::vector<LayerConfig>& layers, Shape input,
         const std::string& where, std::uint64_t& site);
  ~Layers();
  Layers(Layers&&) noexcept;
  Layers& operator=(Layers&&) noexcept;

  std::int64_t size() const { return static_cast<std::int64_t>(layers_.size()); }
  /// Of what layers 0 .. `count` - 1 make.
  const Shape& shape_after(std::int64_t count) const {
    return shapes_[static_cast<std::size_t>(count)];
  }
  /// Layers [first, last) of x [B, ...], which stays as it is.
  at::Tensor forward(at::Tensor x, std::int64_t first, std::int64_t last,
                     const nn::Context& context) const;
  at::Tensor forward(const at::Tensor& x, const nn::Context& context) const {
    return forward(x, 0, size(), context);
  }
  /// Of one sample.
  void cost(std::int64_t first, std::int64_t last, CostCounter& counter) const;
  /// Packs weights for inference and folds BatchNorms into the convolutions before them, within
  /// [first, last).
  void prepare(std::int64_t first, std::int64_t last);

 private:
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<Shape> shapes_;  ///< one more than layers
};

}  // namespace eebench::model
