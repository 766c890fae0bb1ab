#include "eebench/model/cost.hpp"

#include <algorithm>

namespace eebench::model {

void CostCounter::linear(std::int64_t rows, std::int64_t in, std::int64_t out, bool bias) {
  cost_.work += {.multiply_adds = rows * in * out,
                 .elementwise = bias ? rows * out : 0,
                 .bytes = width_ * rows * (in + out)};
  cost_.parameters += in * out + (bias ? out : 0);
  cost_.weaver_macs += rows * in * out + (bias ? out : 0);
  live(rows * (in + out));
}

void CostCounter::convolution(std::int64_t rows, std::int64_t in, std::int64_t out, bool bias) {
  linear(rows, in, out, bias);
  cost_.weaver_macs += bias ? (rows - 1) * out : 0;
}

void CostCounter::layer_norm(std::int64_t rows, std::int64_t channels) {
  elementwise(rows * channels, nn::flops_of::norm);
  cost_.parameters += 2 * channels;
}

void CostCounter::batch_norm(std::int64_t rows, std::int64_t channels, bool folded) {
  if (!folded) {
    elementwise(rows * channels, nn::flops_of::affine);
  }
  cost_.parameters += 2 * channels;
  cost_.weaver_macs += 2 * rows * channels;
}

void CostCounter::gelu(std::int64_t rows, std::int64_t channels) {
  elementwise(rows * channels, nn::flops_of::gelu);
}

void CostCounter::relu(std::int64_t rows, std::int64_t channels) {
  elementwise(rows * channels, nn::flops_of::relu);
  cost_.weaver_macs += rows * channels;
}

void CostCounter::add(std::int64_t rows, std::int64_t channels) {
  cost_.work +=
      {.elementwise = rows * channels * nn::flops_of::add, .bytes = 3 * width_ * rows * channels};
  live(3 * rows * channels);
}

void CostCounter::add_scaled(std::int64_t rows, std::int64_t channels) {
  add(rows, channels);
  cost_.work += {.elementwise = rows * channels * nn::flops_of::multiply};
}

void CostCounter::concat(std::int64_t rows, std::int64_t channels) {
  cost_.work += {.bytes = 2 * width_ * rows * channels};
  live(2 * rows * channels);
}

void CostCounter::pool(std::int64_t rows, std::int64_t channels) {
  cost_.work +=
      {.elementwise = rows * channels * nn::flops_of::add, .bytes = width_ * (rows + 1) * channels};
  live((rows + 1) * channels);
}

void CostCounter::attention(std::int64_t queries, std::int64_t keys, std::int64_t channels,
                            std::int64_t heads, bool bias) {
  const std::int64_t pairs = queries * keys;
  cost_.work +=
      {.multiply_adds = 2 * pairs * channels,
       .elementwise = queries * channels * nn::flops_of::multiply +
                      pairs * heads * (nn::flops_of::softmax + (bias ? nn::flops_of::add : 0)),
       .bytes = width_ * (2 * (queries + keys) * channels + (bias ? pairs * heads : 0))};
  // Scaling of the queries, both products and the softmax; per-row biases of the four projections
  // beyond the one that linear() charged a call.
  cost_.weaver_macs += queries * channels + 2 * pairs * channels + pairs * heads +
                       (2 * queries + 2 * keys - 4) * channels;
  live(4 * keys * channels + pairs * (heads + 1));
}

void CostCounter::elementwise(std::int64_t elements, std::int64_t flops) {
  cost_.work += {.elementwise = elements * flops, .bytes = 2 * width_ * elements};
  live(2 * elements);
}

void CostCounter::live(std::int64_t elements) {
  cost_.activation_bytes = std::max(cost_.activation_bytes, width_ * elements);
}

}  // namespace eebench::model
