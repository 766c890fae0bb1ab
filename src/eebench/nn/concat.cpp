#include "eebench/nn/concat.hpp"

#include <utility>

#include <ATen/ATen.h>

#include "eebench/nn/work.hpp"

namespace eebench::nn {

at::Tensor concat(const std::vector<at::Tensor>& parts) {
  at::Tensor all = at::cat(parts, 1);
  count({.bytes = 2 * all.numel() * all.element_size()});
  return all;
}

Prepended prepend(const at::Tensor& token, const at::Tensor& x, const Ragged& jets) {
  std::vector<std::int64_t> offsets(jets.offsets().begin(), jets.offsets().end());
  std::vector<std::int64_t> order;
  order.reserve(static_cast<std::size_t>(x.size(0) + token.size(0)));
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const auto j = static_cast<std::size_t>(jet);
    order.push_back(jet);
    for (std::int64_t row = jets.offsets()[j]; row < jets.offsets()[j + 1]; ++row) {
      order.push_back(jets.jets() + row);
    }
    offsets[j + 1] += jet + 1;
  }
  at::Tensor all =
      at::index_select(at::cat({token, x}), 0, at::tensor(order, at::kLong).to(x.device()));
  count({.bytes = 2 * all.numel() * all.element_size()});
  return {std::move(all), Ragged(std::move(offsets))};
}

at::Tensor join(const std::vector<at::Tensor>& pieces) {
  return pieces.size() == 1 ? pieces.front() : at::cat(pieces);
}

}  // namespace eebench::nn
