#include "eebench/model/pelican/layers.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/concat.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/pairs.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model::pelican {
namespace {

constexpr std::int64_t width = 4;         // of a number, in the cost by formula
constexpr std::int64_t power_flops = 40;  // a power: a logarithm and an exponential

/// What the operations' sums are multiplied by: factors and, where they are trained, powers of
/// n / nobj_avg. [B, C, K] for alphas [C, K], [B, 1, K] without.
at::Tensor factors(const Aggregation& aggregation, const std::vector<std::int64_t>& indices,
                   const at::Tensor& alphas, const nn::Ragged& jets, at::TensorOptions options) {
  std::vector<at::Tensor> rows;
  // A jet at a time: the rounding of a power must not depend on where in the batch it stands.
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t n = jets.multiplicity(jet);
    std::vector<double> values;
    for (const std::int64_t summed : indices) {
      values.push_back(aggregation.factor(summed, n));
    }
    at::Tensor row = at::tensor(values, at::kDouble).to(options).unsqueeze(0);
    if (alphas.defined()) {
      row = row * at::pow(static_cast<double>(n) / aggregation.nobj_avg, alphas);
    }
    rows.push_back(row);
  }
  return at::stack(rows);
}

/// For particles or jets whose sums are multiplied by so many factors, and the factors themselves.
nn::Work factors_work(std::int64_t rows, std::int64_t jets, std::int64_t factors,
                      const at::Tensor& alphas, std::int64_t channels, std::int64_t bytes) {
  return {.elementwise = factors * channels * (rows + (alphas.defined() ? jets * power_flops : 0)),
          .bytes = 2 * bytes * factors * channels * rows};
}

at::Tensor to_particles(const at::Tensor& of_jets, const nn::Ragged& jets) {
  return at::repeat_interleave(of_jets, jets.multiplicities(of_jets.device()), 0);
}

at::Tensor normal(at::IntArrayRef shape, double variance) {
  return at::randn(shape) * std::sqrt(variance);
}

}  // namespace

double Aggregation::factor(std::int64_t indices, std::int64_t n) const {
  double factor = 1.0;
  for (std::int64_t summed = 0; linear() && summed < indices; ++summed) {
    factor /= by == By::sum ? nobj_avg : static_cast<double>(n);
  }
  return factor;
}

Aggregation aggregation(const std::string& key, const std::string& letter, double nobj_avg) {
  using By = Aggregation::By;
  constexpr std::array ways{std::pair{'s', By::sum}, std::pair{'m', By::mean},
                            std::pair{'x', By::largest}, std::pair{'n', By::smallest}};
  if (letter.size() == 1) {
    const auto code = static_cast<unsigned char>(letter.front());
    for (const auto& [name, by] : ways) {
      if (std::tolower(code) == name) {
        return {.by = by, .powers = std::isupper(code) != 0, .nobj_avg = nobj_avg};
      }
    }
  }
  throw InputError(fmt::format(
      "model configuration: {} = '{}' must be one letter of s, m, x, n, S, M, X, N", key, letter));
}

std::span<const Operation> pairs_to_pairs() {
  using S = Source;
  using T = Target;
  static constexpr std::array<Operation, 15> operations{{{S::pair, T::pair, {}},
                                                         {S::transposed, T::pair, {}},
                                                         {S::diagonal, T::diagonal, {}},
                                                         {S::diagonal, T::column, {}},
                                                         {S::diagonal, T::row, {}},
                                                         {S::column, T::diagonal, 1},
                                                         {S::column, T::column, 1},
                                                         {S::column, T::row, 1},
                                                         {S::row, T::diagonal, 1},
                                                         {S::row, T::column, 1},
                                                         {S::row, T::row, 1},
                                                         {S::trace, T::row, 1},
                                                         {S::trace, T::diagonal, 1},
                                                         {S::total, T::row, 2},
                                                         {S::total, T::diagonal, 2}}};
  return operations;
}

std::span<const Operation> pairs_to_pairs_nano() {
  using S = Source;
  using T = Target;
  static constexpr std::array<Operation, 6> operations{{{S::pair, T::pair, {}},
                                                        {S::column, T::diagonal, 1},
                                                        {S::column, T::column, 1},
                                                        {S::column, T::row, 1},
                                                        {S::total, T::row, 2},
                                                        {S::total, T::diagonal, 2}}};
  return operations;
}

std::span<const Operation> particles_to_pairs() {
  using S = Source;
  using T = Target;
  static constexpr std::array<Operation, 5> operations{{{S::diagonal, T::diagonal, 0},
                                                        {S::diagonal, T::column, 0},
                                                        {S::diagonal, T::row, 0},
                                                        {S::trace, T::diagonal, 1},
                                                        {S::trace, T::row, 1}}};
  return operations;
}

Reduced reduced(const at::Tensor& x, const nn::Ragged& jets, const Aggregation& aggregation) {
  if (aggregation.linear()) {
    const nn::PairReduction sums = nn::pair_sums(x, jets);
    return {sums.diagonal, sums.columns, sums.rows, nn::sum_pool(sums.diagonal, jets),
            nn::sum_pool(sums.rows, jets)};
  }
  // The smallest is minus the largest of what has the other sign.
  const double sign = aggregation.by == Aggregation::By::largest ? 1.0 : -1.0;
  const nn::PairMaxima maxima = nn::pair_maxima(sign * x, jets);
  std::vector<double> logs;
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    logs.push_back(std::log(static_cast<double>(jets.multiplicity(jet))));
  }
  const at::Tensor log_n = at::tensor(logs, at::kDouble).to(x.options()).unsqueeze(1);
  const at::Tensor log_of_particles = to_particles(log_n, jets);
  const auto with_zero = [&](const at::Tensor& largest, const at::Tensor& log) {
    return sign * (largest.clamp_min(0) - log);
  };
  const nn::PairReduction& of_particles = maxima.particles;
  return {sign * of_particles.diagonal, with_zero(of_particles.columns, log_of_particles),
          with_zero(of_particles.rows, log_of_particles), with_zero(maxima.trace, log_n),
          with_zero(maxima.total, log_n)};
}

void reduced_cost(std::int64_t n, std::int64_t channels, CostCounter& counter) {
  counter.work(nn::pair_sums_work(n, n * n, channels, width));
  counter.pool(n, channels);
  counter.pool(n, channels);
}

EquivariantImpl::EquivariantImpl(const EquivariantOptions& options) : options_(options) {
  const auto operations = static_cast<std::int64_t>(options.operations.size());
  const auto in = options.in;
  const auto out = options.out;
  const auto inputs = static_cast<double>(in);
  const auto basis = static_cast<double>(operations);
  if (options.factorize) {
    coefs00_ = register_parameter("coefs00", normal({in, operations}, 1.0 / basis));
    coefs01_ = register_parameter("coefs01", normal({out, operations}, 1.0 / basis));
    coefs10_ = register_parameter("coefs10", normal({in, out}, 1.0 / inputs));
    coefs11_ = register_parameter("coefs11", normal({in, out}, 1.0 / inputs));
  } else {
    coefs_ = register_parameter("coefs", normal({in, out, operations}, 2.0 / (inputs * basis)));
  }
  bias = register_parameter("bias", at::zeros({out}));
  if (options.diagonal_bias) {
    diag_bias = register_parameter("diag_bias", at::zeros({out}));
  }
  factors_ = std::count_if(options.operations.begin(), options.operations.end(),
                           [](const Operation& operation) { return operation.indices; });
  if (options.aggregation.powers) {
    const std::vector<std::int64_t> shape{in, factors_};
    alphas =
        named_group(*this, "alphas")
            .register_parameter("0", options.random_powers ? at::rand(shape) : at::zeros(shape));
  }
}

at::Tensor EquivariantImpl::coefficients() const {
  return coefs_.defined() ? coefs_
                          : coefs00_.unsqueeze(1) * coefs10_.unsqueeze(2) +
                                coefs01_.unsqueeze(0) * coefs11_.unsqueeze(2);
}

EquivariantImpl::Weights EquivariantImpl::weights() const {
  const auto of_operation = coefficients().unbind(2);  // [in, out] each
  Weights weights;
  for (const Target target : {Target::pair, Target::row, Target::column, Target::diagonal}) {
    std::vector<at::Tensor> parts;
    for (std::size_t b = 0; b < of_operation.size(); ++b) {
      if (options_.operations[b].target == target) {
        parts.push_back(of_operation[b].t());
      }
    }
    nn::LinearWeights& layer = weights[static_cast<std::size_t>(target)];
    // Both orders of a pair are made of one and the same x_ij; sums stand side by side.
    if (!parts.empty()) {
      layer.weight = at::cat(parts, target == Target::pair ? 0 : 1);
    }
    if (target == Target::row) {
      layer.bias = bias;
    } else if (target == Target::diagonal) {
      layer.bias = diag_bias;
    }
    if (layer.weight.defined()) {
      layer = nn::prepared(layer);
    }
  }
  return weights;
}

at::Tensor EquivariantImpl::forward(const at::Tensor& x, const nn::Ragged& jets,
                                    const nn::Context& context) {
  const Weights layers = prepared_ ? *prepared_ : weights();
  Reduced sums;
  if (on_pairs()) {
    sums = reduced(x, jets, options_.aggregation);
  } else {
    sums.diagonal = x;
    sums.trace = nn::sum_pool(x, jets);
  }
  std::vector<std::int64_t> indices;
  for (const Operation& operation : options_.operations) {
    if (operation.indices) {
      indices.push_back(*operation.indices);
    }
  }
  nn::count(
      factors_work(jets.particles(), jets.jets(), factors_, alphas, options_.in, x.element_size()));
  const at::Tensor of_jets = factors(options_.aggregation, indices, alphas, jets, x.options());
  const at::Tensor of_particles = to_particles(of_jets, jets);
  std::array<std::vector<at::Tensor>, 4> parts;
  std::int64_t factor = 0;
  for (const Operation& operation : options_.operations) {
    if (operation.target == Target::pair) {
      continue;
    }
    const bool of_jet = operation.source == Source::trace || operation.source == Source::total;
    at::Tensor part = operation.source == Source::diagonal ? sums.diagonal
                      : operation.source == Source::column ? sums.column
                      : operation.source == Source::row    ? sums.row
                      : operation.source == Source::trace  ? sums.trace
                                                           : sums.total;
    if (operation.indices) {
      part = part * (of_jet ? of_jets : of_particles).select(2, factor++);
    }
    parts[static_cast<std::size_t>(operation.target)].push_back(of_jet ? to_particles(part, jets)
                                                                       : part);
  }
  const auto at = [&](Target target) {
    const auto which = static_cast<std::size_t>(target);
    return nn::linear(nn::concat(parts[which]), layers[which], context);
  };
  nn::PairTerms terms{
      .rows = at(Target::row), .columns = at(Target::column), .diagonal = at(Target::diagonal)};
  if (on_pairs()) {
    terms.pairs = nn::linear(x, layers[static_cast<std::size_t>(Target::pair)], context);
  }
  return nn::pair_mix(terms, jets, options_.activation, context);
}

std::int64_t EquivariantImpl::count(Target target) const {
  return std::count_if(options_.operations.begin(), options_.operations.end(),
                       [target](const Operation& operation) { return operation.target == target; });
}

void EquivariantImpl::cost(std::int64_t n, CostCounter& counter) const {
  const std::int64_t in = options_.in;
  const std::int64_t out = options_.out;
  const auto linear = [&](std::int64_t rows, std::int64_t from, std::int64_t to, bool with_bias) {
    counter.work({.multiply_adds = rows * from * to,
                  .elementwise = with_bias ? rows * to : 0,
                  .bytes = width * rows * (from + to)});
    counter.live(rows * (from + to));
  };
  if (on_pairs()) {
    reduced_cost(n, in, counter);
    linear(n * n, in, count(Target::pair) * out, false);
  } else {
    counter.pool(n, in);
  }
  counter.work(factors_work(n, 1, factors_, alphas, in, width));
  for (const Target target : {Target::row, Target::column, Target::diagonal}) {
    const std::int64_t channels = count(target) * in;
    counter.concat(n, channels);
    linear(n, channels, out,
           target == Target::row || (target == Target::diagonal && options_.diagonal_bias));
  }
  counter.work(nn::pair_mix_work(n, n * n, out, count(Target::pair), width));
  counter.elementwise(n * n * out, nn::flops_of::relu);
  for (const at::Tensor& parameter : parameters()) {
    counter.parameters(parameter.numel());
  }
}

ToJetsImpl::ToJetsImpl(std::int64_t in, std::int64_t out, Aggregation aggregation,
                       nn::Activation activation)
    : aggregation_(aggregation), activation_(activation) {
  coefs = register_parameter("coefs", normal({in, out, 2}, 2.0 / static_cast<double>(in)));
  bias = register_parameter("bias", at::zeros({out}));
  if (aggregation.powers) {
    alphas = named_group(*this, "alphas").register_parameter("0", at::rand({in, 2}));
  }
}

at::Tensor ToJetsImpl::aggregates(const at::Tensor& x, const nn::Ragged& jets,
                                  const nn::Context& context) {
  const Reduced sums = reduced(x, jets, aggregation_);
  nn::count(factors_work(jets.jets(), jets.jets(), 2, alphas, x.size(1), x.element_size()));
  const at::Tensor ops = at::stack({sums.total, sums.trace}, 2) *
                         factors(aggregation_, {2, 1}, alphas, jets, x.options());
  return nn::activate(ops.view({jets.jets(), -1}), activation_, context);
}

at::Tensor ToJetsImpl::forward(const at::Tensor& aggregates, const nn::Context& context) const {
  const at::Tensor weight = coefs.permute({1, 0, 2}).reshape({coefs.size(1), -1});
  return nn::linear(aggregates, {weight, bias}, context);
}

void ToJetsImpl::aggregates_cost(std::int64_t n, CostCounter& counter) const {
  const std::int64_t in = coefs.size(0);
  reduced_cost(n, in, counter);
  counter.work(factors_work(1, 1, 2, alphas, in, width));
  if (activation_ != nn::Activation::none) {
    counter.elementwise(2 * in, nn::flops_of::relu);
  }
}

void ToJetsImpl::cost(CostCounter& counter) const {
  const std::int64_t in = 2 * coefs.size(0);
  const std::int64_t out = coefs.size(1);
  counter.work({.multiply_adds = in * out, .elementwise = out, .bytes = width * (in + out)});
  counter.parameters(in * out + out + (alphas.defined() ? alphas.numel() : 0));
}

MessageImpl::MessageImpl(const MessageOptions& options) : options_(options) {
  if (options.in > 0) {
    torch::nn::Module& layers = named_group(*this, "linear");
    linear_ = layers.register_module("0", nn::Linear("message", options.in, options.out));
    initialise(*linear_);
  }
  if (options.batchnorm) {
    norm_ = register_module("normlayer", nn::BatchNorm(options.out));
  }
}

at::Tensor MessageImpl::forward(at::Tensor x, const nn::Ragged& jets, const nn::Context& context) {
  if (!linear_.is_empty()) {
    x = linear_->forward(x, context, nn::Activation::leaky_relu);
  }
  if (!norm_.is_empty()) {
    x = norm_->forward(x, context);
  }
  return nn::dropout(x, is_training() ? options_.dropout : 0.0, options_.site, jets.pair_offsets(),
                     context.jet_index, context);
}

void MessageImpl::cost(std::int64_t n, CostCounter& counter) const {
  if (!linear_.is_empty()) {
    counter.linear(n * n, options_.in, options_.out);
    counter.relu(n * n, options_.out);
  }
  if (!norm_.is_empty()) {
    counter.batch_norm(n * n, options_.out);
  }
}

nn::BatchNormImpl::Affine MessageImpl::affine() const {
  return norm_.is_empty() ? nn::BatchNormImpl::Affine{at::ones({options_.out}, at::kDouble),
                                                      at::zeros({options_.out}, at::kDouble)}
                          : norm_->folded();
}

void initialise(nn::LinearImpl& layer) {
  const at::NoGradGuard no_grad;
  const double variance = 2.0 / (1.0 + nn::leaky_slope * nn::leaky_slope);
  layer.weight.normal_(0.0, std::sqrt(variance / static_cast<double>(layer.in())));
}

void require_nobj(std::int64_t nobj, double nobj_avg) {
  constexpr std::int64_t most = 10000;
  require_range<std::int64_t>("network.nobj", nobj, 0, most);
  require_range("network.nobj_avg", nobj_avg, 1.0, static_cast<double>(most));
}

std::int64_t particles(std::int64_t n, std::int64_t first, std::int64_t nobj) {
  return first + (nobj > 0 ? std::min(n, nobj) : n);
}

Momenta momenta(const State& batch, const at::Tensor& first, std::int64_t nobj) {
  const at::Tensor& vectors = batch.get("vectors");
  const std::int64_t before = first.size(0);
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> offsets{0};
  for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
    const std::int64_t own = before + batch.jets().offsets()[static_cast<std::size_t>(jet)];
    const std::int64_t count = particles(batch.jets().multiplicity(jet), before, nobj);
    for (std::int64_t i = 0; i < count; ++i) {
      rows.push_back(i < before ? i : own + i - before);
    }
    offsets.push_back(offsets.back() + count);
  }
  nn::count({.bytes = 8 * offsets.back() * vectors.element_size()});
  const at::Tensor all = at::cat({first.to(vectors.options()), vectors});
  return {at::index_select(all, 0, at::tensor(rows, at::kLong).to(all.device())),
          nn::Ragged(std::move(offsets))};
}

void momenta_cost(std::int64_t particles, CostCounter& counter) {
  counter.work({.bytes = 8 * width * particles});
}

}  // namespace eebench::model::pelican
