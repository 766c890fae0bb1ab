#include "eebench/train/loss.hpp"

#include <array>

#include <ATen/ATen.h>

namespace eebench::train {
namespace {

constexpr std::array entries{
    LossEntry{"joint", "Weighted sum of the cross-entropies of all exits"},
};

}  // namespace

std::span<const LossEntry> loss_registry() { return entries; }

at::Tensor joint_loss(const std::vector<at::Tensor>& logits, const at::Tensor& labels,
                      std::span<const double> weights, std::int64_t global_jets) {
  at::Tensor total;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (!logits[k].defined()) {
      continue;
    }
    const at::Tensor term = at::cross_entropy_loss(logits[k], labels, {}, at::Reduction::Sum) *
                            (weights[k] / static_cast<double>(global_jets));
    total = total.defined() ? total + term : term;
  }
  return total;
}

}  // namespace eebench::train
