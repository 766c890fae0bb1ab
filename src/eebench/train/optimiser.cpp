#include "eebench/train/optimiser.hpp"

#include <array>
#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace eebench::train {
namespace {

/// Running means of the gradient and of its square.
struct Moments {
  explicit Moments(const at::Tensor& values, double beta_one, double beta_two)
      : beta1(beta_one),
        beta2(beta_two),
        first(at::zeros_like(values)),
        second(at::zeros_like(values)) {}

  void follow(const at::Tensor& gradient) {
    first.mul_(beta1).add_(gradient, 1.0 - beta1);
    second.mul_(beta2).addcmul_(gradient, gradient, 1.0 - beta2);
  }
  /// What a mean over `step` values lacks for having begun at zero.
  double bias1(std::int64_t step) const { return 1.0 - std::pow(beta1, step); }
  double bias2(std::int64_t step) const { return 1.0 - std::pow(beta2, step); }
  std::vector<std::pair<std::string, at::Tensor>> memory() const {
    return {{"first_moment", first}, {"second_moment", second}};
  }

  double beta1;
  double beta2;
  at::Tensor first;
  at::Tensor second;
};

/// values -= lr * weight_decay * values, where decay applies.
void decay(FlatParameters& parameters, double lr, double weight_decay) {
  parameters.values().mul_(1.0 - lr * weight_decay * parameters.decays() * parameters.lr_factors());
}

/// The gradient of the loss with half the squared weights added, where decay applies.
at::Tensor with_decay(FlatParameters& parameters, double weight_decay) {
  return at::addcmul(parameters.gradients(), parameters.values(), parameters.decays(),
                     weight_decay);
}

/// Adam (Kingma, Ba, arXiv:1412.6980) and AdamW (Loshchilov, Hutter, arXiv:1711.05101).
class Adam final : public Optimiser {
 public:
  Adam(const at::Tensor& values, bool decoupled)
      : moments_(values, 0.9, 0.999), decoupled_(decoupled) {}

  void update(FlatParameters& parameters, std::int64_t step, double lr,
              double weight_decay) override {
    constexpr double eps = 1e-8;
    const at::NoGradGuard no_grad;
    if (decoupled_) {
      decay(parameters, lr, weight_decay);
      moments_.follow(parameters.gradients());
    } else {
      moments_.follow(with_decay(parameters, weight_decay));
    }
    const at::Tensor denominator =
        moments_.second.sqrt().div_(std::sqrt(moments_.bias2(step))).add_(eps);
    parameters.values().addcdiv_(moments_.first * parameters.lr_factors(), denominator,
                                 -lr / moments_.bias1(step));
  }
  std::vector<std::pair<std::string, at::Tensor>> memory() const override {
    return moments_.memory();
  }

 private:
  Moments moments_;
  bool decoupled_;
};

/// RAdam (Liu et al., arXiv:1908.03265): plain momentum until the second moment can be trusted.
class RAdam final : public Optimiser {
 public:
  RAdam(const at::Tensor& values, double beta1, double beta2, double eps)
      : moments_(values, beta1, beta2), eps_(eps) {}

  void update(FlatParameters& parameters, std::int64_t step, double lr,
              double weight_decay) override {
    const at::NoGradGuard no_grad;
    decay(parameters, lr, weight_decay);
    moments_.follow(parameters.gradients());
    const double bias2 = moments_.bias2(step);
    const double longest = 2.0 / (1.0 - moments_.beta2) - 1.0;
    const double length = longest - 2.0 * static_cast<double>(step) * (1.0 - bias2) / bias2;
    const double rate = lr / moments_.bias1(step);
    const at::Tensor direction = moments_.first * parameters.lr_factors();
    if (length < 5.0) {
      parameters.values().sub_(direction, rate);
      return;
    }
    const double rectified = std::sqrt(bias2 * (length - 4.0) / (longest - 4.0) * (length - 2.0) /
                                       length * longest / (longest - 2.0));
    parameters.values().addcdiv_(direction, moments_.second.sqrt().add_(eps_), -rate * rectified);
  }
  std::vector<std::pair<std::string, at::Tensor>> memory() const override {
    return moments_.memory();
  }

 private:
  Moments moments_;
  double eps_;
};

/// RAdam within Lookahead (Zhang et al., arXiv:1907.08610): every sixth step half-way back to where
/// the parameters were six steps before.
class Ranger final : public Optimiser {
 public:
  explicit Ranger(const at::Tensor& values)
      : fast_(values, 0.95, 0.999, 1e-5), slow_(values.detach().clone()) {}

  void update(FlatParameters& parameters, std::int64_t step, double lr,
              double weight_decay) override {
    constexpr std::int64_t period = 6;
    const at::NoGradGuard no_grad;
    fast_.update(parameters, step, lr, weight_decay);
    if (step % period == 0) {
      parameters.values().lerp_(slow_, 0.5);
      slow_.copy_(parameters.values());
    }
  }
  std::vector<std::pair<std::string, at::Tensor>> memory() const override {
    auto all = fast_.memory();
    all.emplace_back("slow", slow_);
    return all;
  }

 private:
  RAdam fast_;
  at::Tensor slow_;
};

/// Gradient descent with momentum 0.9.
class Sgd final : public Optimiser {
 public:
  explicit Sgd(const at::Tensor& values) : momentum_(at::zeros_like(values)) {}

  void update(FlatParameters& parameters, std::int64_t, double lr, double weight_decay) override {
    const at::NoGradGuard no_grad;
    momentum_.mul_(0.9).add_(with_decay(parameters, weight_decay));
    parameters.values().sub_(momentum_ * parameters.lr_factors(), lr);
  }
  std::vector<std::pair<std::string, at::Tensor>> memory() const override {
    return {{"momentum", momentum_}};
  }

 private:
  at::Tensor momentum_;
};

template <class T, auto... arguments>
std::unique_ptr<Optimiser> make(const at::Tensor& values) {
  return std::make_unique<T>(values, arguments...);
}

constexpr std::array entries{
    OptimiserEntry{"adamw", "Adam with decoupled weight decay, betas 0.9 and 0.999",
                   make<Adam, true>},
    OptimiserEntry{"adam", "Adam, betas 0.9 and 0.999, weight decay in the gradient",
                   make<Adam, false>},
    OptimiserEntry{"radam", "Rectified Adam, betas 0.9 and 0.999, decoupled weight decay",
                   make<RAdam, 0.9, 0.999, 1e-8>},
    OptimiserEntry{"ranger", "Lookahead over rectified Adam, betas 0.95 and 0.999, as weaver's",
                   make<Ranger>},
    OptimiserEntry{"sgd", "Gradient descent with momentum 0.9, weight decay in the gradient",
                   make<Sgd>},
};

}  // namespace

std::span<const OptimiserEntry> optimiser_registry() { return entries; }

}  // namespace eebench::train
