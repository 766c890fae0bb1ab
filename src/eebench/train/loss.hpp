#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "eebench/train/schedule.hpp"

namespace eebench::train {

/// What early exits learn: the label, the logits of the final exit (mean squared error), or its
/// distribution beside the label.
enum class Target { label, logits, distribution };

/// What one step trains, and how. The same on every rank.
struct StepPlan {
  std::vector<double> weights;  ///< [exits] of each exit's loss
  Target target = Target::label;
  bool detach_heads = false;  ///< gradients of early heads end at their input
  bool detach_target = true;  ///< the final exit does not learn from what early ones say
  bool equilibrium = false;   ///< gradients are scaled where heads branch off

  /// Whether the head of exit k is run: it has a weight, or others learn from it.
  bool runs(std::size_t k) const {
    return weights[k] > 0.0 || (k + 1 == weights.size() && target != Target::label);
  }
};

/// A way to train all exits together.
struct LossEntry {
  std::string_view name;
  std::string_view sentence;
  Target target = Target::label;
  bool detach_heads = false;
  bool detach_target = true;
  bool equilibrium = false;
  /// Whether early exits train at this step; null: always.
  bool (*trains_early)(std::int64_t step, const Length& length, const Settings& settings) = nullptr;
};
std::span<const LossEntry> loss_registry();

/// By settings.loss, exit_weights and the ramp of the latter.
StepPlan plan_step(std::int64_t step, const Length& length, const Settings& settings);

/// The factor on the weights of early exits in an epoch, from 0.
double exit_ramp(std::int64_t epoch, const Settings& settings);

/// sum_k w_k sum_b l_k[b] / global_jets: summed over ranks it is the mean over the global batch,
/// however that is divided. l of the final exit is the cross-entropy (Teerapittayanon et al.,
/// BranchyNet, arXiv:1709.01686) times class_weights[label]; l of early ones depends on the target:
///   label         cross-entropy
///   logits        mean over classes of (z_k - z_K)^2
///   distribution  (1 - g) cross-entropy + g T^2 KL(softmax(z_K / T) || softmax(z_k / T)), with
///                 g = distil_share and T = temperature (Hinton et al., arXiv:1503.02531)
/// logits[k] [B, classes], undefined where exit k was not run; labels int64 [B].
at::Tensor total_loss(const StepPlan& plan, const std::vector<at::Tensor>& logits,
                      const at::Tensor& labels, const Settings& settings);

}  // namespace eebench::train
