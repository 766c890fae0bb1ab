#include "eebench/nn/quantization/observer.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace eebench::nn::quantization {
namespace {

constexpr std::int64_t bins = std::int64_t{64} * 32;
constexpr int dropped_bits = 23 - 5;  // of float32's mantissa
constexpr std::int64_t first_bin = std::int64_t{127 - 32} * 32;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Where a bin begins; edge(bins) is where the last one ends.
double edge(std::size_t bin) {
  return bin == 0 ? 0.0
                  : std::bit_cast<float>(static_cast<std::uint32_t>(
                        (static_cast<std::int64_t>(bin) + first_bin) << dropped_bits));
}

at::Tensor bin_of(const at::Tensor& x) {
  const at::Tensor bits = x.to(at::kFloat).abs().contiguous().view(at::kInt);
  return (at::bitwise_right_shift(bits, dropped_bits) - first_bin).clamp(0, bins - 1);
}

std::int64_t sum(const std::vector<std::int64_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

/// Integral of (w - q(w))^2 over w from 0 to u, where q rounds to the nearest integer, at most
/// `highest`: every step between halves gives 1/12.
double squared_error_to(double u, double highest) {
  const double q = std::min(std::floor(u + 0.5), highest);
  return q / 12.0 + std::pow(u - q, 3) / 3.0;
}

}  // namespace

RangeObserver::RangeObserver(Keeps keeps)
    : keeps_(keeps),
      maxima_(register_buffer("maxima", at::zeros({2}))),
      counts_(register_buffer(
          "counts", at::zeros({keeps == Keeps::maxima_and_counts ? bins : 1}, at::kLong))) {}

void RangeObserver::observe(const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  if (x.numel() == 0) {
    return;
  }
  const auto [least, most] = at::aminmax(x);
  // Not every maximum over ranks keeps NaN, so it becomes infinity.
  const at::Tensor maxima =
      at::nan_to_num(at::stack({most, -least}).to(at::kDouble), infinity, infinity).clamp_min(0);
  const at::Tensor counts = keeps_ == Keeps::maxima_and_counts
                                ? at::bincount(bin_of(x).flatten(), {}, bins)
                                : at::full({1}, x.numel(), maxima.options().dtype(at::kLong));
  own_maxima_ = own_maxima_.defined() ? at::maximum(own_maxima_, maxima) : maxima;
  own_counts_ = own_counts_.defined() ? own_counts_ + counts : counts;
}

void RangeObserver::merge(const RankMerge& ranks) {
  std::array<double, 2> maxima{};
  std::vector<std::int64_t> added(static_cast<std::size_t>(counts_.numel()), 0);
  if (own_maxima_.defined()) {
    const at::Tensor own = own_maxima_.cpu();
    maxima = {own[0].item<double>(), own[1].item<double>()};
    const at::Tensor counted = own_counts_.cpu();
    std::copy_n(counted.const_data_ptr<std::int64_t>(), added.size(), added.begin());
    own_maxima_.reset();
    own_counts_.reset();
  }
  if (ranks.max) {
    ranks.max(maxima);
    ranks.sum(added);
  }
  if (sum(added) == 0) {
    return;
  }
  std::vector<std::int64_t> total = counts();
  const bool first = sum(total) == 0;
  const std::array<double, 2> before{largest(), -smallest()};
  for (std::size_t end = 0; end < 2; ++end) {
    if (keeps_ != Keeps::averaged_maxima) {
      maxima[end] = std::max(before[end], maxima[end]);
    } else if (!first) {
      maxima[end] = 0.9 * before[end] + 0.1 * maxima[end];
    }
  }
  std::transform(total.begin(), total.end(), added.begin(), total.begin(), std::plus<>());
  const at::NoGradGuard no_grad;
  maxima_.copy_(at::tensor(at::ArrayRef<double>(maxima), at::kDouble));
  // Counts stay integers where Module::to made a floating-point type of everything.
  counts_.set_data(at::tensor(total, at::kLong).to(counts_.device()));
}

void RangeObserver::clear() {
  maxima_.zero_();
  counts_.zero_();
  own_maxima_.reset();
  own_counts_.reset();
}

std::vector<std::int64_t> RangeObserver::counts() const {
  const at::Tensor whole = counts_.to(at::kCPU, at::kLong);
  const auto* data = whole.const_data_ptr<std::int64_t>();
  return {data, data + whole.numel()};
}

std::int64_t RangeObserver::values() const { return sum(counts()); }
double RangeObserver::largest() const { return maxima_[0].item<double>(); }
double RangeObserver::smallest() const { return -maxima_[1].item<double>(); }

double RangeObserver::percentile(double percent) const {
  const std::vector<std::int64_t> in_bin = counts();
  const auto n = static_cast<double>(sum(in_bin));
  const double rank = std::max(1.0, std::floor(percent / 100.0 * n + 0.5));
  double before = 0.0;
  std::size_t bin = 0;
  while (before + static_cast<double>(in_bin[bin]) < rank) {
    before += static_cast<double>(in_bin[bin++]);
  }
  const double part = (rank - before) / static_cast<double>(in_bin[bin]);
  return std::min(absmax(), std::lerp(edge(bin), edge(bin + 1), part));
}

double RangeObserver::mean() const {
  const std::vector<std::int64_t> in_bin = counts();
  double total = 0.0;
  for (std::size_t bin = 0; bin < in_bin.size(); ++bin) {
    total += static_cast<double>(in_bin[bin]) * std::midpoint(edge(bin), edge(bin + 1));
  }
  return total / static_cast<double>(sum(in_bin));
}

double RangeObserver::least_error(const std::function<double(double)>& scale_of,
                                  double highest) const {
  const std::vector<std::int64_t> in_bin = counts();
  double best = absmax();
  double least = infinity;
  for (int j = 0; j <= 8 * 16; ++j) {
    const double limit = absmax() * std::exp2(-j / 16.0);
    const double scale = scale_of(limit);
    double error = 0.0;
    for (std::size_t bin = 0; bin < in_bin.size(); ++bin) {
      if (in_bin[bin] > 0) {
        const double from = edge(bin) / scale;
        const double to = edge(bin + 1) / scale;
        error += static_cast<double>(in_bin[bin]) * scale * scale / (to - from) *
                 (squared_error_to(to, highest) - squared_error_to(from, highest));
      }
    }
    if (error < least) {
      least = error;
      best = limit;
    }
  }
  return best;
}

}  // namespace eebench::nn::quantization
