#pragma once

#include <ATen/ATen.h>

#include "eebench/model/network.hpp"

namespace eebench::test {

/// A network of a matrix, a bias and a token that is never run.
struct Parameters : model::Network {
  Parameters() {
    weight =
        register_parameter("weight", at::tensor({1.0, -2.0, 0.5, 3.0}, at::kDouble).view({2, 2}));
    bias = register_parameter("bias", at::tensor({1.0, -2.0}, at::kDouble));
    token = register_parameter("cls_token", at::tensor({1.0, -2.0}, at::kDouble).view({1, 1, 2}));
  }
  std::int64_t exits() const override { return 1; }
  std::int64_t classes() const override { return 2; }
  model::State stem(const model::State& batch, nn::Context&) override { return batch; }
  model::State segment(std::int64_t, const model::State& state, nn::Context&) override {
    return state;
  }
  model::HeadOutput head(std::int64_t, const model::State&, nn::Context&) override { return {}; }
  model::Cost stem_cost(std::int64_t) const override { return {}; }
  model::Cost segment_cost(std::int64_t, std::int64_t) const override { return {}; }
  model::Cost head_cost(std::int64_t, std::int64_t) const override { return {}; }
  std::int64_t segment_of(const std::string&) const override { return 0; }

  at::Tensor weight;
  at::Tensor bias;
  at::Tensor token;
};

}  // namespace eebench::test
