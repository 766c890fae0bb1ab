#include "eebench/train/loss.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include "eebench/core/names.hpp"

namespace eebench::train {
namespace {

bool after_trunk(std::int64_t step, const Length& length, const Settings& settings) {
  return static_cast<double>(step) >= settings.trunk_share * static_cast<double>(length.steps);
}

bool odd_step(std::int64_t step, const Length&, const Settings&) { return step % 2 == 1; }

constexpr std::array entries{
    LossEntry{.name = "joint", .sentence = "Weighted sum of the cross-entropies of all exits"},
    LossEntry{.name = "separate",
              .sentence = "The same, but early heads leave the trunk to the final exit",
              .detach_heads = true},
    LossEntry{.name = "mixed",
              .sentence = "The final exit alone for trunk_share of the steps, then joint",
              .trains_early = after_trunk},
    LossEntry{.name = "alternating",
              .sentence = "Even steps the final exit alone, odd steps joint",
              .trains_early = odd_step},
    LossEntry{.name = "equilibrium",
              .sentence = "Joint; gradients scaled at each branch so that the trunk's keep their "
                          "size at any depth",
              .equilibrium = true},
    LossEntry{.name = "self_distillation",
              .sentence = "Early exits learn label and softened answer of the final one",
              .target = Target::distribution},
    LossEntry{.name = "mimic_detached",
              .sentence = "Early heads alone learn the final logits, by mean squared error",
              .target = Target::logits,
              .detach_heads = true},
    LossEntry{.name = "mimic_flow",
              .sentence = "The same with all gradients, into trunk and final exit too",
              .target = Target::logits,
              .detach_target = false},
    LossEntry{.name = "target_detached",
              .sentence = "PHAZE-EE's name for separate",
              .detach_heads = true},
    LossEntry{.name = "target_flow", .sentence = "PHAZE-EE's name for joint"},
};

/// Summed over jets, each by the weight of its class.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels,
                         const Settings& settings) {
  at::Tensor weights;
  if (!settings.class_weights.empty()) {
    weights = at::tensor(settings.class_weights, logits.options());
  }
  return at::cross_entropy_loss(logits, labels, weights, at::Reduction::Sum);
}

at::Tensor early_loss(const StepPlan& plan, const at::Tensor& logits, const at::Tensor& last,
                      const at::Tensor& labels, const Settings& settings) {
  if (plan.target == Target::label) {
    return cross_entropy(logits, labels, settings);
  }
  const at::Tensor teacher = plan.detach_target ? last.detach() : last;
  if (plan.target == Target::logits) {
    return (logits - teacher).square().mean(1).sum();
  }
  const double t = settings.temperature;
  const at::Tensor divergence =
      at::kl_div(at::log_softmax(logits / t, 1), at::log_softmax(teacher / t, 1),
                 at::Reduction::Sum, /*log_target=*/true);
  const double g = settings.distil_share;
  return (1.0 - g) * cross_entropy(logits, labels, settings) + g * t * t * divergence;
}

}  // namespace

std::span<const LossEntry> loss_registry() { return entries; }

double exit_ramp(std::int64_t epoch, const Settings& s) {
  const std::int64_t zero = s.exit_zero_epochs;
  if (epoch < zero) {
    return 0.0;
  }
  if (s.exit_ramp == "switch") {
    return s.exit_switch_end > 0 && epoch >= s.exit_switch_end ? 0.0 : 1.0;
  }
  const std::int64_t end = s.exit_ramp_end > 0 ? s.exit_ramp_end : zero + 2;
  const double risen =
      end <= zero
          ? 1.0
          : std::min(1.0, static_cast<double>(epoch - zero) / static_cast<double>(end - zero));
  return s.exit_ramp == "linear"   ? risen
         : s.exit_ramp == "cosine" ? 0.5 * (1.0 - std::cos(std::numbers::pi * risen))
                                   : 1.0;
}

StepPlan plan_step(std::int64_t step, const Length& length, const Settings& settings) {
  const LossEntry& loss = entry_of(entries, "loss", settings.loss);
  StepPlan plan{.weights = settings.exit_weights,
                .target = loss.target,
                .detach_heads = loss.detach_heads,
                .detach_target = loss.detach_target,
                .equilibrium = loss.equilibrium};
  const bool early = loss.trains_early == nullptr || loss.trains_early(step, length, settings);
  const double factor = early ? exit_ramp(step / length.per_epoch, settings) : 0.0;
  std::for_each(plan.weights.begin(), plan.weights.end() - 1, [&](double& w) { w *= factor; });
  return plan;
}

at::Tensor total_loss(const StepPlan& plan, const std::vector<at::Tensor>& logits,
                      const at::Tensor& labels, const Settings& settings) {
  at::Tensor total;
  for (std::size_t k = 0; k < logits.size(); ++k) {
    if (plan.weights[k] == 0.0) {
      continue;
    }
    const bool last = k + 1 == logits.size();
    const at::Tensor own = last ? cross_entropy(logits[k], labels, settings)
                                : early_loss(plan, logits[k], logits.back(), labels, settings);
    const at::Tensor term = own * (plan.weights[k] / static_cast<double>(settings.global_batch));
    total = total.defined() ? total + term : term;
  }
  return total.defined() ? total : at::zeros({}, labels.options().dtype(at::kDouble));
}

}  // namespace eebench::train
