#include "eebench/train/trainer.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/train/loss.hpp"

namespace eebench::train {
namespace {

bool is_early_head(const std::string& name) { return name.starts_with("exits."); }

std::int64_t deepest_weighted(const std::vector<double>& weights) {
  std::int64_t last = 0;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    last = weights[k] > 0.0 ? static_cast<std::int64_t>(k) : last;
  }
  return last;
}

}  // namespace

at::ScalarType storage_type(const Settings& settings) {
  return settings.precision == "fp64" ? at::kDouble : at::kFloat;
}

std::string backbone_sha256(const model::Network& network) {
  model::StateDict backbone = model::state_dict(network);
  std::erase_if(backbone, [](const auto& item) { return is_early_head(item.first); });
  return model::sha256(backbone);
}

void set_trainable(model::Network& network, bool freeze_backbone) {
  network.train(!freeze_backbone);
  for (const auto& item : network.named_parameters()) {
    item.value().set_requires_grad(!freeze_backbone || is_early_head(item.key()));
  }
  if (freeze_backbone) {
    network.named_children()["exits"]->train();
  }
}

void move_to(model::Network& network, at::Device device, at::ScalarType type) {
  const auto move = [&](at::Tensor tensor) {
    const at::ScalarType own = tensor.scalar_type();
    tensor.set_data(tensor.to(device, at::isFloatingType(own) ? type : own));
  };
  for (const at::Tensor& parameter : network.parameters()) {
    move(parameter);
  }
  for (const at::Tensor& buffer : network.buffers()) {
    move(buffer);
  }
}

Trainer::Trainer(model::Network& network, Settings settings, std::int64_t total_steps,
                 at::Device device, const comm::Communicator& comm,
                 std::shared_ptr<comm::AllReducer> reducer)
    : network_((set_trainable(network, settings.freeze_backbone), network)),
      settings_(std::move(settings)),
      total_steps_(total_steps),
      device_(device),
      type_(storage_type(settings_)),
      comm_(comm),
      reducer_(std::move(reducer)),
      parameters_((move_to(network, device, type_), network)),
      optimiser_(parameters_.values()),
      gradient_sum_(parameters_, reducer_),
      last_exit_(deepest_weighted(settings_.exit_weights)) {
  const std::string hash = model::sha256(model::state_dict(network_));
  if (!comm_.all(comm_.broadcast(hash) == hash)) {
    throw Error(ExitCode::internal, "ranks begin with different parameters");
  }
}

double Trainer::learning_rate() const {
  return settings_.lr * schedule_factor(steps_done_, total_steps_, settings_.warmup);
}

std::vector<at::Tensor> Trainer::forward(const data::JetBatch& jets, nn::Context& context) {
  std::vector<at::Tensor> logits(settings_.exit_weights.size());
  model::State state;
  for (std::int64_t k = 0; k <= last_exit_; ++k) {
    {
      // A frozen backbone needs no graph.
      const at::AutoGradMode grad(!settings_.freeze_backbone);
      if (k == 0) {
        state = network_.stem(model::make_inputs(jets, device_, type_), context);
      }
      state = network_.segment(k, state, context);
    }
    const auto exit = static_cast<std::size_t>(k);
    if (settings_.exit_weights[exit] > 0.0) {
      logits[exit] = network_.head(k, state, context).logits;
    }
  }
  return logits;
}

StepReport Trainer::step(const data::JetBatch& jets) {
  nn::Context context;
  context.training = true;
  context.bfloat16 = settings_.precision == "bf16";
  context.seed = settings_.seed;
  context.step = steps_done_;
  context.jet_index = jets.index;
  if (comm_.size() > 1) {
    context.sum_over_ranks = [this](const at::Tensor& x) { return sum_over_ranks(x, reducer_); };
  }
  parameters_.gradients().zero_();
  const std::vector<at::Tensor> logits = forward(jets, context);
  const at::Tensor labels = at::tensor(jets.labels, at::kLong).to(device_);
  const at::Tensor loss =
      joint_loss(logits, labels, settings_.exit_weights, settings_.global_batch);
  loss.backward();
  gradient_sum_.finish();

  const at::NoGradGuard no_grad;
  StepReport report;
  report.gradient_norm = parameters_.gradients().norm().item<double>();
  if (settings_.clip > 0.0 && report.gradient_norm > settings_.clip) {
    parameters_.gradients().mul_(settings_.clip / report.gradient_norm);
  }
  const double lr = learning_rate();
  optimiser_.update(parameters_, ++steps_done_, lr, settings_.weight_decay);

  std::vector<double> sums{loss.item<double>()};
  for (const at::Tensor& exit : logits) {
    sums.push_back(exit.defined() ? (exit.argmax(1) == labels).sum().item<double>()
                                  : std::numeric_limits<double>::quiet_NaN());
  }
  comm_.all_reduce(std::span(sums), comm::Reduce::sum);
  report.loss = sums[0];
  for (std::size_t k = 1; k < sums.size(); ++k) {
    report.exit_accuracy.push_back(sums[k] / static_cast<double>(settings_.global_batch));
  }
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm)) {
    throw InputError(fmt::format(
        "the training diverged at step {}: loss {}, norm of the gradient {}, {} before; lower --lr "
        "(now {}) or --clip (now {})",
        steps_done_, report.loss, report.gradient_norm,
        std::isnan(last_loss_) ? "no step" : fmt::format("loss {}", last_loss_), settings_.lr,
        settings_.clip));
  }
  last_loss_ = report.loss;
  return report;
}

}  // namespace eebench::train
