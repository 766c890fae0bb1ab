#include "eebench/nn/pairs.hpp"

#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/cpu/lorentz_layer_simd.hpp"
#include "eebench/nn/cpu/power_simd.hpp"
#include "eebench/nn/elementwise.hpp"

namespace eebench::nn {
namespace {

/// Of negative numbers.
double slope_of(Activation activation) {
  switch (activation) {
    case Activation::none:
      return 1.0;
    case Activation::relu:
      return 0.0;
    case Activation::leaky_relu:
      return leaky_slope;
    case Activation::gelu:
      break;
  }
  TORCH_CHECK(false, "pairs are not mixed with this activation");
}

/// One jet's pairs and particles: the kernels below see nothing else.
template <class F>
void for_jets(const Ragged& jets, const F& kernel) {
  at::parallel_for(0, jets.jets(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t jet = begin; jet < end; ++jet) {
      const auto j = static_cast<std::size_t>(jet);
      kernel(jets.multiplicity(jet), jets.offsets()[j], jets.pair_offsets()[j]);
    }
  });
}

template <class T>
void reduce(const T* __restrict x, std::int64_t n, std::int64_t channels, T* __restrict rows,
            T* __restrict columns, T* __restrict diagonal) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t c = 0; c < channels; ++c) {
        rows[i * channels + c] += x[c];
        columns[j * channels + c] += x[c];
      }
      if (i == j) {
        std::copy_n(x, channels, diagonal + i * channels);
      }
      x += channels;
    }
  }
}

/// Of one jet; `stride` between the rows of pairs, whose transposed part, if any, is behind them.
template <class T>
struct Mix {
  const T* pairs;
  const T* transposed;
  const T* rows;
  const T* columns;
  const T* diagonal;
  T* out;
  std::int64_t stride;
  std::int64_t n;
  std::int64_t channels;
  T slope;
};

template <class T>
void mix(const Mix<T>& m) {
  T* __restrict out = m.out;
  for (std::int64_t i = 0; i < m.n; ++i) {
    const T* row = m.rows + i * m.channels;
    for (std::int64_t j = 0; j < m.n; ++j) {
      const T* column = m.columns + j * m.channels;
      for (std::int64_t c = 0; c < m.channels; ++c) {
        out[c] = row[c] + column[c];
      }
      const auto add = [&](const T* term) {
        for (std::int64_t c = 0; c < m.channels; ++c) {
          out[c] += term[c];
        }
      };
      if (m.pairs != nullptr) {
        add(m.pairs + (i * m.n + j) * m.stride);
      }
      if (m.transposed != nullptr) {
        add(m.transposed + (j * m.n + i) * m.stride);
      }
      if (i == j) {
        add(m.diagonal + i * m.channels);
      }
      for (std::int64_t c = 0; c < m.channels; ++c) {
        out[c] = out[c] > 0 ? out[c] : m.slope * out[c];
      }
      out += m.channels;
    }
  }
}

std::vector<at::Tensor> reduce_on_cpu(const at::Tensor& x, const Ragged& jets) {
  const at::Tensor input = x.contiguous();
  const std::int64_t channels = x.size(1);
  const at::Tensor rows = at::zeros({jets.particles(), channels}, x.options());
  const at::Tensor columns = at::zeros_like(rows);
  const at::Tensor diagonal = at::empty_like(rows);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "pair_sums", [&] {
    for_jets(jets, [&](std::int64_t n, std::int64_t particle, std::int64_t pair) {
      reduce(input.const_data_ptr<scalar_t>() + pair * channels, n, channels,
             rows.mutable_data_ptr<scalar_t>() + particle * channels,
             columns.mutable_data_ptr<scalar_t>() + particle * channels,
             diagonal.mutable_data_ptr<scalar_t>() + particle * channels);
    });
  });
  return {rows, columns, diagonal};
}

at::Tensor mix_on_cpu(const PairTerms& terms, const Ragged& jets, double slope) {
  const at::Tensor rows = terms.rows.contiguous();
  const at::Tensor columns = terms.columns.contiguous();
  const at::Tensor diagonal = terms.diagonal.contiguous();
  const at::Tensor pairs = terms.pairs.defined() ? terms.pairs.contiguous() : terms.pairs;
  const std::int64_t channels = rows.size(1);
  const std::int64_t stride = pairs.defined() ? pairs.size(1) : 0;
  const at::Tensor out = at::empty({jets.pairs(), channels}, rows.options());
  AT_DISPATCH_FLOATING_TYPES(rows.scalar_type(), "pair_mix", [&] {
    for_jets(jets, [&](std::int64_t n, std::int64_t particle, std::int64_t pair) {
      const auto* own = stride > 0 ? pairs.const_data_ptr<scalar_t>() + pair * stride : nullptr;
      mix<scalar_t>({.pairs = own,
                     .transposed = stride > channels ? own + channels : nullptr,
                     .rows = rows.const_data_ptr<scalar_t>() + particle * channels,
                     .columns = columns.const_data_ptr<scalar_t>() + particle * channels,
                     .diagonal = diagonal.const_data_ptr<scalar_t>() + particle * channels,
                     .out = out.mutable_data_ptr<scalar_t>() + pair * channels,
                     .stride = stride,
                     .n = n,
                     .channels = channels,
                     .slope = static_cast<scalar_t>(slope)});
    });
  });
  return out;
}

/// x_ji at the pair (i, j).
at::Tensor transposed_on_cpu(const at::Tensor& x, const Ragged& jets) {
  const std::int64_t channels = x.size(1);
  const at::Tensor out = at::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "transposed pairs", [&] {
    const auto* from = x.const_data_ptr<scalar_t>();
    auto* to = out.mutable_data_ptr<scalar_t>();
    for_jets(jets, [&](std::int64_t n, std::int64_t, std::int64_t pair) {
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          std::copy_n(from + (pair + j * n + i) * channels, channels,
                      to + (pair + i * n + j) * channels);
        }
      }
    });
  });
  return out;
}

constexpr const char* offsets_key = "offsets";

void keep(torch::autograd::AutogradContext* context, const Ragged& jets) {
  context->saved_data[offsets_key] =
      std::vector<std::int64_t>(jets.offsets().begin(), jets.offsets().end());
}
Ragged kept(torch::autograd::AutogradContext* context) {
  return Ragged(context->saved_data[offsets_key].toIntVector());
}

/// pair_sums and pair_mix are each other's gradient: <mix(r, c, d), x> = <r, rows(x)> + ...
struct Reduce : torch::autograd::Function<Reduce> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context,
                                                const at::Tensor& x, const Ragged& jets) {
    keep(context, jets);
    return reduce_on_cpu(x, jets);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    return {mix_on_cpu({{}, gradients[0], gradients[1], gradients[2]}, kept(context), 1.0), {}};
  }
};

struct MixTerms : torch::autograd::Function<MixTerms> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& pairs,
                            const at::Tensor& rows, const at::Tensor& columns,
                            const at::Tensor& diagonal, const Ragged& jets) {
    keep(context, jets);
    context->saved_data["parts"] = pairs.numel() / (jets.pairs() * rows.size(1));
    const at::Tensor given = pairs.numel() > 0 ? pairs : at::Tensor();
    return mix_on_cpu({given, rows, columns, diagonal}, jets, 1.0);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const Ragged jets = kept(context);
    const at::Tensor gradient = gradients[0].contiguous();
    const std::vector<at::Tensor> sums = reduce_on_cpu(gradient, jets);
    at::Tensor pairs = at::empty({0}, gradient.options());
    if (const auto parts = context->saved_data["parts"].toInt(); parts == 1) {
      pairs = gradient;
    } else if (parts == 2) {
      pairs = at::cat({gradient, transposed_on_cpu(gradient, jets)}, 1);
    }
    return {pairs, sums[0], sums[1], sums[2], {}};
  }
};

/// Rows in the order of the groups of jets to the order of the batch.
at::Tensor in_batch_order(const std::vector<at::Tensor>& parts, const Ragged& jets,
                          at::Tensor EqualJets::*which) {
  std::vector<at::Tensor> rows;
  for (const EqualJets& group : jets.groups(parts.front().device())) {
    rows.push_back(group.*which);
  }
  return nn::in_batch_order(parts, rows);
}

/// reduce(x [jets, n, n, C], dimension) to [jets, n, C], jets of equal multiplicity together.
template <class F>
PairReduction reduce_groups(const at::Tensor& x, const Ragged& jets, const F& reduce) {
  std::vector<at::Tensor> rows;
  std::vector<at::Tensor> columns;
  std::vector<at::Tensor> diagonal;
  const std::int64_t channels = x.size(1);
  for (const EqualJets& group : jets.groups(x.device())) {
    const std::int64_t n = group.multiplicity;
    const at::Tensor square = at::index_select(x, 0, group.pair_rows).view({-1, n, n, channels});
    rows.push_back(reduce(square, 2).reshape({-1, channels}));
    columns.push_back(reduce(square, 1).reshape({-1, channels}));
    diagonal.push_back(square.diagonal(0, 1, 2).transpose(1, 2).reshape({-1, channels}));
  }
  return {in_batch_order(rows, jets, &EqualJets::particle_rows),
          in_batch_order(columns, jets, &EqualJets::particle_rows),
          in_batch_order(diagonal, jets, &EqualJets::particle_rows)};
}

void count_sums(const at::Tensor& x, const Ragged& jets) {
  count(pair_sums_work(jets.particles(), jets.pairs(), x.size(1), x.element_size()));
}

/// A logarithm, an exponential, a division.
constexpr std::int64_t signed_power_flops = 60;

}  // namespace

at::Tensor lorentz_products(const at::Tensor& vectors, const Ragged& jets) {
  count(lorentz_products_work(jets.particles(), jets.pairs(), vectors.element_size()));
  if (!vectors.device().is_cpu()) {
    std::vector<at::Tensor> parts;
    for (const EqualJets& group : jets.groups(vectors.device())) {
      const at::Tensor p =
          at::index_select(vectors, 0, group.particle_rows).view({-1, group.multiplicity, 4});
      const auto product = (p.unsqueeze(2) * p.unsqueeze(1)).unbind(3);
      parts.push_back((product[3] - product[0] - product[1] - product[2]).reshape({-1, 1}));
    }
    return in_batch_order(parts, jets, &EqualJets::pair_rows);
  }
  const at::Tensor input = vectors.contiguous();
  at::Tensor out = at::empty({jets.pairs(), 1}, input.options());
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "lorentz_products", [&] {
    for_jets(jets, [&](std::int64_t n, std::int64_t particle, std::int64_t pair) {
      cpu::lorentz_products(input.const_data_ptr<scalar_t>() + 4 * particle, n,
                            out.mutable_data_ptr<scalar_t>() + pair);
    });
  });
  return out;
}

PairReduction pair_sums(const at::Tensor& x, const Ragged& jets) {
  count_sums(x, jets);
  if (!x.device().is_cpu()) {
    return pair_sums_composite(x, jets);
  }
  const std::vector<at::Tensor> sums =
      c10::GradMode::is_enabled() ? Reduce::apply(x, jets) : reduce_on_cpu(x, jets);
  return {sums[0], sums[1], sums[2]};
}

PairReduction pair_sums_composite(const at::Tensor& x, const Ragged& jets) {
  return reduce_groups(
      x, jets, [](const at::Tensor& square, std::int64_t over) { return square.sum(over); });
}

PairMaxima pair_maxima(const at::Tensor& x, const Ragged& jets) {
  const PairReduction particles = reduce_groups(
      x, jets, [](const at::Tensor& square, std::int64_t over) { return square.amax(over); });
  count_sums(x, jets);
  // Not max_pool(): where several are largest, each has its share of the gradient.
  std::vector<at::Tensor> trace;
  std::vector<at::Tensor> total;
  for (const EqualJets& group : jets.groups(x.device())) {
    const at::Tensor rows = group.particle_rows;
    const auto largest = [&](const at::Tensor& of_particles) {
      return at::index_select(of_particles, 0, rows)
          .view({-1, group.multiplicity, x.size(1)})
          .amax(1);
    };
    trace.push_back(largest(particles.diagonal));
    total.push_back(largest(particles.rows));
  }
  count({.elementwise = 2 * jets.particles() * x.size(1),
         .bytes = 2 * (jets.particles() + jets.jets()) * x.size(1) * x.element_size()});
  return {particles, in_batch_order(trace, jets, &EqualJets::jet_rows),
          in_batch_order(total, jets, &EqualJets::jet_rows)};
}

at::Tensor pair_mix(const PairTerms& terms, const Ragged& jets, Activation activation,
                    const Context& context) {
  const auto& [pairs, rows, columns, diagonal] = terms;
  const std::int64_t channels = rows.size(1);
  count(pair_mix_work(jets.particles(), jets.pairs(), channels,
                      pairs.defined() ? pairs.size(1) / channels : 0, rows.element_size()));
  if (!rows.device().is_cpu()) {
    return activate(pair_mix_composite(terms, jets), activation, context);
  }
  if (c10::GradMode::is_enabled()) {
    // A graph has no place for an undefined tensor.
    const at::Tensor given = pairs.defined() ? pairs : at::empty({0}, rows.options());
    return activate(MixTerms::apply(given, rows, columns, diagonal, jets), activation, context);
  }
  count_activation(jets.pairs() * channels, activation, rows.element_size());
  return mix_on_cpu(terms, jets, slope_of(activation));
}

at::Tensor pair_mix_composite(const PairTerms& terms, const Ragged& jets) {
  std::vector<at::Tensor> parts;
  const std::int64_t channels = terms.rows.size(1);
  for (const EqualJets& group : jets.groups(terms.rows.device())) {
    const std::int64_t n = group.multiplicity;
    const at::Tensor particles = group.particle_rows;
    const auto of_particles = [&](const at::Tensor& x) {
      return at::index_select(x, 0, particles).view({-1, n, channels});
    };
    at::Tensor out =
        of_particles(terms.rows).unsqueeze(2) + of_particles(terms.columns).unsqueeze(1) +
        at::diag_embed(of_particles(terms.diagonal).transpose(1, 2)).permute({0, 2, 3, 1});
    if (terms.pairs.defined()) {
      const at::Tensor square =
          at::index_select(terms.pairs, 0, group.pair_rows).view({-1, n, n, terms.pairs.size(1)});
      out = out + square.narrow(3, 0, channels);
      if (square.size(3) > channels) {
        out = out + square.narrow(3, channels, channels).transpose(1, 2);
      }
    }
    parts.push_back(out.reshape({-1, channels}));
  }
  return in_batch_order(parts, jets, &EqualJets::pair_rows);
}

at::Tensor signed_power(const at::Tensor& x, const at::Tensor& exponents) {
  count(signed_power_work(x.numel(), x.element_size()));
  // (1 + |x|)^g - 1 = expm1(g log1p(|x|)): the difference costs no digits.
  if (!cpu::usable(x)) {
    return at::sign(x) * at::expm1(exponents * at::log1p(at::abs(x))) / exponents;
  }
  const at::Tensor input = x.contiguous();
  const at::Tensor g = exponents.contiguous();
  at::Tensor y = at::empty_like(input);
  const std::int64_t channels = input.size(1);
  constexpr std::int64_t rows_of_a_task = 256;
  at::parallel_for(0, input.size(0), rows_of_a_task, [&](std::int64_t begin, std::int64_t end) {
    cpu::signed_power({.x = input.const_data_ptr<float>() + begin * channels,
                       .exponents = g.const_data_ptr<float>(),
                       .y = y.mutable_data_ptr<float>() + begin * channels,
                       .rows = end - begin,
                       .channels = channels});
  });
  return y;
}

Work lorentz_products_work(std::int64_t particles, std::int64_t pairs, std::int64_t width) {
  return {.multiply_adds = 4 * pairs, .bytes = width * (4 * particles + pairs)};
}

Work pair_sums_work(std::int64_t particles, std::int64_t pairs, std::int64_t channels,
                    std::int64_t width) {
  return {.elementwise = 2 * pairs * channels * flops_of::add,
          .bytes = width * channels * (pairs + 3 * particles)};
}

Work pair_mix_work(std::int64_t particles, std::int64_t pairs, std::int64_t channels,
                   std::int64_t parts, std::int64_t width) {
  return {.elementwise = ((1 + parts) * pairs + particles) * channels * flops_of::add,
          .bytes = width * channels * ((1 + parts) * pairs + 3 * particles)};
}

Work signed_power_work(std::int64_t elements, std::int64_t width) {
  return {.elementwise = elements * signed_power_flops, .bytes = 2 * elements * width};
}

}  // namespace eebench::nn
