#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eebench::train {

/// A way to train all exits together.
struct LossEntry {
  std::string_view name;
  std::string_view sentence;
};
std::span<const LossEntry> loss_registry();

/// Joint weighted loss (Teerapittayanon et al., BranchyNet, arXiv:1709.01686):
/// sum_k w_k sum_b cross-entropy(logits_k[b], label[b]) / global_jets. Summed over ranks it is the
/// mean over the global batch, however that is divided. logits[k] [B, classes], undefined where
/// exit k was not run; labels int64 [B].
at::Tensor joint_loss(const std::vector<at::Tensor>& logits, const at::Tensor& labels,
                      std::span<const double> weights, std::int64_t global_jets);

}  // namespace eebench::train
