#include "eebench/model/sequential/layers.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/image.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model {

/// One layer of samples x [B, ...].
class Layer {
 public:
  Layer() = default;
  virtual ~Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;

  /// Leaves x as it is; the result may be x. `then` follows in the same pass where fuses() is true.
  virtual at::Tensor forward(const at::Tensor& x, nn::Activation then,
                             const nn::Context& context) = 0;
  virtual void cost(const Shape& in, const Shape& out, CostCounter& counter) const = 0;
  virtual void prepare() {}
  virtual bool fuses() const { return false; }
};

namespace {

constexpr std::int64_t bytes_of_number = 4;

std::int64_t product(const Shape& shape) {
  std::int64_t numbers = 1;
  for (const std::int64_t length : shape) {
    numbers *= length;
  }
  return numbers;
}

std::int64_t rows(const Shape& shape) { return product(shape) / shape.back(); }

/// As users write shapes, channels first.
std::string shown(Shape shape) {
  std::rotate(shape.begin(), shape.end() - 1, shape.end());
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

/// Where a layer is made.
struct Place {
  torch::nn::Module& parent;
  std::string name;
  Shape in;
  std::string where;
  std::uint64_t& site;

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("model configuration: {}: {}", where, what));
  }
  void check(std::string_view key, std::int64_t value, std::int64_t low, std::int64_t high) const {
    require_range(fmt::format("{}.{}", where, key), value, low, high);
  }
  /// An image into which a window fits.
  void check_image(std::string_view layer, std::int64_t window, std::int64_t padding) const {
    if (in.size() != 3) {
      fail(fmt::format("a {} takes images, but gets {}; put it before the flatten", layer,
                       shown(in)));
    }
    if (std::min(in[0], in[1]) + 2 * padding < window) {
      fail(
          fmt::format("a {} of {} pixels does not fit {} with {} beyond the edges; make it "
                      "smaller or pool less before",
                      layer, window, shown(in), padding));
    }
  }
};

class Conv final : public Layer {
 public:
  Conv(const ConvConfig& config, const Place& place) {
    place.check("out", config.out, 1, largest_width);
    place.check("kernel", config.kernel, 1, largest_width);
    place.check("stride", config.stride, 1, largest_width);
    place.check("padding", config.padding, 0, config.kernel);
    place.check_image("conv", config.kernel, config.padding);
    conv_ = place.parent.register_module(place.name,
                                         nn::Conv2d(place.in.back(), config.out,
                                                    nn::Conv2dOptions{.kernel = config.kernel,
                                                                      .stride = config.stride,
                                                                      .padding = config.padding,
                                                                      .bias = config.bias}));
  }
  at::Tensor forward(const at::Tensor& x, nn::Activation then,
                     const nn::Context& context) override {
    return conv_->forward(x, context, then);
  }
  void cost(const Shape& in, const Shape& out, CostCounter& counter) const override {
    const std::int64_t pixels = rows(out);
    const std::int64_t kernel = conv_->options().kernel;
    const bool bias = conv_->options().bias;
    const std::int64_t products = kernel * kernel * conv_->in() * conv_->out();
    const std::int64_t numbers = product(in) + product(out);
    counter.work({.multiply_adds = pixels * products,
                  .elementwise = bias || folded_ ? product(out) : 0,
                  .bytes = bytes_of_number * numbers});
    counter.live(numbers);
    counter.parameters(products + (bias ? conv_->out() : 0));
    counter.weaver(pixels * products + (bias ? product(out) : 0));
  }
  void prepare() override { conv_->prepare(); }
  void prepare(const nn::BatchNorm& norm) {
    conv_->prepare(norm);
    folded_ = true;
  }
  bool fuses() const override { return true; }

 private:
  nn::Conv2d conv_{nullptr};
  bool folded_ = false;  ///< a norm, whose shift is a bias
};

class Linear final : public Layer {
 public:
  Linear(const LinearConfig& config, const Place& place) {
    place.check("out", config.out, 1, largest_width);
    if (place.in.size() != 1) {
      place.fail(fmt::format("a linear layer takes vectors, but gets {}; put a flatten before it",
                             shown(place.in)));
    }
    linear_ = place.parent.register_module(
        place.name, nn::Linear(place.parent.name() + "." + place.name, place.in[0], config.out,
                               nn::LinearOptions{.bias = config.bias}));
  }
  at::Tensor forward(const at::Tensor& x, nn::Activation then,
                     const nn::Context& context) override {
    return linear_->forward(x, context, then);
  }
  void cost(const Shape&, const Shape&, CostCounter& counter) const override {
    counter.linear(1, linear_->in(), linear_->out(), linear_->bias.defined());
  }
  void prepare() override { linear_->prepare(); }
  bool fuses() const override { return true; }

 private:
  nn::Linear linear_{nullptr};
};

class Norm final : public Layer {
 public:
  Norm(const NormConfig&, const Place& place)
      : norm_(place.parent.register_module(place.name, nn::BatchNorm(place.in.back()))) {}
  at::Tensor forward(const at::Tensor& x, nn::Activation then,
                     const nn::Context& context) override {
    const at::Tensor pixels = x.reshape({-1, x.size(-1)});
    const at::Tensor y = then == nn::Activation::relu
                             ? norm_->forward_relu(pixels, context)
                             : nn::activate(norm_->forward(pixels, context), then, context);
    return y.view(x.sizes());
  }
  void cost(const Shape& in, const Shape&, CostCounter& counter) const override {
    counter.batch_norm(rows(in), in.back(), folded_);
  }
  bool fuses() const override { return true; }

  const nn::BatchNorm& module() const { return norm_; }
  /// From now on another layer does its work.
  void fold() { folded_ = true; }
  bool folded() const { return folded_; }

 private:
  nn::BatchNorm norm_{nullptr};
  bool folded_ = false;
};

class Activation final : public Layer {
 public:
  Activation(const ActivationConfig& config, const Place&) : function_(config.function) {}
  at::Tensor forward(const at::Tensor& x, nn::Activation, const nn::Context& context) override {
    return nn::activate(c10::GradMode::is_enabled() ? x : x.clone(), function_, context);
  }
  void cost(const Shape& in, const Shape&, CostCounter& counter) const override {
    if (function_ == nn::Activation::gelu) {
      counter.gelu(rows(in), in.back());
    } else {
      counter.relu(rows(in), in.back());
    }
  }
  nn::Activation function() const { return function_; }

 private:
  nn::Activation function_;
};

class Pool final : public Layer {
 public:
  Pool(const PoolConfig& config, const Place& place) : config_(config) {
    place.check("size", config.size, 0, largest_width);
    place.check_image("pool", config.size, 0);
  }
  at::Tensor forward(const at::Tensor& x, nn::Activation, const nn::Context&) override {
    if (config_.size == 0) {
      const nn::Ragged images = nn::Ragged::equal(x.size(0), x.size(1) * x.size(2));
      const at::Tensor pixels = x.reshape({-1, x.size(3)});
      return (config_.maximum ? nn::max_pool : nn::mean_pool)(pixels, images)
          .view({x.size(0), 1, 1, x.size(3)});
    }
    return (config_.maximum ? nn::max_pool2d : nn::mean_pool2d)(x, config_.size, config_.size);
  }
  void cost(const Shape& in, const Shape& out, CostCounter& counter) const override {
    const std::int64_t window = config_.size == 0 ? rows(in) : config_.size * config_.size;
    const std::int64_t numbers = product(in) + product(out);
    counter.work({.elementwise = product(out) * window * nn::flops_of::add,
                  .bytes = bytes_of_number * numbers});
    counter.live(numbers);
    counter.weaver(product(in));
  }

 private:
  PoolConfig config_;
};

class Flatten final : public Layer {
 public:
  Flatten(const FlattenConfig&, const Place&) {}
  at::Tensor forward(const at::Tensor& x, nn::Activation, const nn::Context&) override {
    return (x.dim() == 4 ? x.permute({0, 3, 1, 2}) : x).flatten(1);
  }
  void cost(const Shape&, const Shape&, CostCounter&) const override {}
};

class Dropout final : public Layer {
 public:
  Dropout(const DropoutConfig& config, const Place& place) : p_(config.p), site_(place.site++) {
    require_range(place.where + ".p", p_, 0.0, 0.99);
  }
  at::Tensor forward(const at::Tensor& x, nn::Activation, const nn::Context& context) override {
    return nn::dropout_jets(x, p_, site_, context);
  }
  void cost(const Shape&, const Shape&, CostCounter&) const override {}

 private:
  double p_;
  std::uint64_t site_;
};

class Residual final : public Layer {
 public:
  Residual(const ResidualConfig& config, const Place& place)
      : Residual(config, place, named_group(place.parent, place.name)) {}
  at::Tensor forward(const at::Tensor& x, nn::Activation, const nn::Context& context) override {
    const at::Tensor y = layers_.forward(x, context);
    // add() may work in place on the first.
    return nn::add(y.is_alias_of(x) ? y.clone() : y, shortcut_.forward(x, context));
  }
  void cost(const Shape&, const Shape& out, CostCounter& counter) const override {
    layers_.cost(0, layers_.size(), counter);
    shortcut_.cost(0, shortcut_.size(), counter);
    counter.add(rows(out), out.back());
  }
  void prepare() override {
    layers_.prepare(0, layers_.size());
    shortcut_.prepare(0, shortcut_.size());
  }

 private:
  Residual(const ResidualConfig& config, const Place& place, torch::nn::Module& group)
      : layers_(named_group(group, "layers"), config.layers, place.in, place.where + ".layers",
                place.site),
        shortcut_(named_group(group, "shortcut"), config.shortcut, place.in,
                  place.where + ".shortcut", place.site) {
    if (config.layers.empty()) {
      place.fail("layers must not be empty");
    }
    const Shape& sum = layers_.shape_after(layers_.size());
    const Shape& other = shortcut_.shape_after(shortcut_.size());
    if (sum != other) {
      place.fail(
          fmt::format("its layers make {} and its shortcut {}, which cannot be added; make "
                      "them the same",
                      shown(sum), shown(other)));
    }
  }

  Layers layers_;
  Layers shortcut_;
};

// The kind of layer that each configuration makes.
std::unique_ptr<Layer> make(const ConvConfig& c, const Place& p) {
  return std::make_unique<Conv>(c, p);
}
std::unique_ptr<Layer> make(const LinearConfig& c, const Place& p) {
  return std::make_unique<Linear>(c, p);
}
std::unique_ptr<Layer> make(const NormConfig& c, const Place& p) {
  return std::make_unique<Norm>(c, p);
}
std::unique_ptr<Layer> make(const ActivationConfig& c, const Place& p) {
  return std::make_unique<Activation>(c, p);
}
std::unique_ptr<Layer> make(const PoolConfig& c, const Place& p) {
  return std::make_unique<Pool>(c, p);
}
std::unique_ptr<Layer> make(const FlattenConfig& c, const Place& p) {
  return std::make_unique<Flatten>(c, p);
}
std::unique_ptr<Layer> make(const DropoutConfig& c, const Place& p) {
  return std::make_unique<Dropout>(c, p);
}
std::unique_ptr<Layer> make(const ResidualConfig& c, const Place& p) {
  return std::make_unique<Residual>(c, p);
}

template <class Kind>
Kind* as(const std::unique_ptr<Layer>& layer) {
  return dynamic_cast<Kind*>(layer.get());
}

}  // namespace

Layers::Layers(torch::nn::Module& parent, const std::vector<LayerConfig>& layers, Shape input,
               const std::string& where, std::uint64_t& site) {
  const at::AutoGradMode by_aten(true);  // whose operations need nothing packed
  const nn::Context context;
  shapes_.push_back(input);
  input.insert(input.begin(), 1);
  at::Tensor x = at::zeros(input);
  for (const LayerConfig& layer : layers) {
    const std::string number = fmt::to_string(layers_.size());
    const Place place{parent, number, shapes_.back(), fmt::format("{}[{}]", where, number), site};
    layers_.push_back(
        std::visit([&](const auto& config) { return make(config, place); }, layer.of));
    x = layers_.back()->forward(x, nn::Activation::none, context);
    shapes_.emplace_back(x.sizes().begin() + 1, x.sizes().end());
  }
}

Layers::~Layers() = default;
Layers::Layers(Layers&&) noexcept = default;
Layers& Layers::operator=(Layers&&) noexcept = default;

at::Tensor Layers::forward(at::Tensor x, std::int64_t first, std::int64_t last,
                           const nn::Context& context) const {
  for (auto layer = layers_.begin() + first; layer != layers_.begin() + last;) {
    Layer& own = **layer++;
    if (layer != layers_.begin() + last && as<Norm>(*layer) && as<Norm>(*layer)->folded()) {
      ++layer;
    }
    nn::Activation then = nn::Activation::none;
    if (own.fuses() && layer != layers_.begin() + last && as<Activation>(*layer)) {
      then = as<Activation>(*layer++)->function();
    }
    x = own.forward(x, then, context);
  }
  return x;
}

void Layers::cost(std::int64_t first, std::int64_t last, CostCounter& counter) const {
  for (std::int64_t l = first; l < last; ++l) {
    const auto layer = static_cast<std::size_t>(l);
    layers_[layer]->cost(shapes_[layer], shapes_[layer + 1], counter);
  }
}

void Layers::prepare(std::int64_t first, std::int64_t last) {
  for (auto layer = layers_.begin() + first; layer != layers_.begin() + last; ++layer) {
    auto* conv = as<Conv>(*layer);
    const auto next = layer + 1;
    if (conv != nullptr && next != layers_.begin() + last && as<Norm>(*next)) {
      conv->prepare(as<Norm>(*next)->module());
      as<Norm>(*next)->fold();
    } else {
      (*layer)->prepare();
    }
  }
}

}  // namespace eebench::model
