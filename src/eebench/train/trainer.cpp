#include "eebench/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/model/linear_sites.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/train/gradient.hpp"
#include "eebench/train/parameter_names.hpp"

namespace eebench::train {
namespace {

/// What settings may name: backbone, modules, and the parameters that are the network's own.
std::vector<std::string> known_names(const model::Network& network) {
  std::vector<std::string> known{"backbone"};
  for (const auto& item : network.named_children()) {
    known.push_back(item.key());
  }
  for (const auto& item : network.named_parameters(/*recurse=*/false)) {
    known.push_back(item.key());
  }
  return known;
}

void check_name(const model::Network& network, const std::string& setting, std::string_view key) {
  const auto parameters = network.named_parameters();
  if (std::none_of(parameters.begin(), parameters.end(),
                   [&](const auto& item) { return names(setting, item.key()); })) {
    throw_unknown("parameter or module", setting, key, known_names(network));
  }
}

/// The deepest exit whose head is run; nothing behind it is.
std::size_t last_exit(const StepPlan& plan) {
  std::size_t k = plan.weights.size() - 1;
  while (k > 0 && !plan.runs(k)) {
    --k;
  }
  return k;
}

}  // namespace

at::ScalarType storage_type(const Settings& settings) {
  return settings.precision == "fp64" ? at::kDouble : at::kFloat;
}

void set_trainable(model::Network& network, const Settings& settings) {
  for (const std::string& setting : settings.freeze) {
    check_name(network, setting, "freeze");
  }
  for (const auto& [setting, factor] : settings.lr_factors) {
    check_name(network, setting, "lr_factors");
  }
  network.train(!frozen("", settings));
  for (const auto& item : network.named_modules("", /*include_self=*/false)) {  // outer ones first
    item.value()->train(!frozen(item.key(), settings));
  }
  if (model::is_quantized(network, "training")) {
    network.eval();  // BatchNorms fold into the weights that are on grids; nothing is dropped
    for (const model::LinearSite& site : model::linear_sites(network)) {
      if (const nn::Quantizers& quantizers = site.layer->quantizers()) {
        quantizers.weight->train();
        quantizers.input->train();
      }
    }
  }
  bool trains = false;
  for (const auto& item : network.named_parameters()) {
    const bool learns = !frozen(item.key(), settings);
    item.value().set_requires_grad(learns);
    trains = trains || learns;
  }
  if (!trains) {
    throw InputError(
        "training: everything is frozen; name less in --freeze, or in freeze of [train]");
  }
}

std::string frozen_sha256(const model::Network& network, const Settings& settings) {
  model::StateDict tensors = model::state_dict(network);
  std::erase_if(tensors, [&](const auto& item) { return !frozen(item.first, settings); });
  return tensors.empty() ? "" : model::sha256(tensors);
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

Trainer::Trainer(model::Network& network, Settings settings, Length length, at::Device device,
                 const comm::Communicator& comm, std::shared_ptr<comm::AllReducer> reducer)
    : network_((set_trainable(network, settings), network)),
      settings_(std::move(settings)),
      length_(length),
      device_(device),
      type_(storage_type(settings_)),
      comm_(comm),
      reducer_(std::move(reducer)),
      parameters_((move_to(network, device, type_), network), settings_),
      optimiser_(entry_of(optimiser_registry(), "optimiser", settings_.optimiser)
                     .make(parameters_.values())),
      gradient_sum_(parameters_, reducer_) {
  const std::string hash = model::sha256(model::state_dict(network_));
  if (!comm_.all(comm_.broadcast(hash) == hash)) {
    throw Error(ExitCode::internal, "ranks begin with different parameters");
  }
}

std::vector<at::Tensor> Trainer::forward(const data::JetBatch& jets, const StepPlan& plan,
                                         nn::Context& context) {
  const std::size_t exits = plan.weights.size();
  std::vector<at::Tensor> logits(exits);
  model::State state;
  for (std::size_t k = 0; k <= last_exit(plan); ++k) {
    const auto exit = static_cast<std::int64_t>(k);
    {
      // A frozen backbone needs no graph.
      const at::AutoGradMode grad(!backbone_frozen(settings_));
      if (k == 0) {
        state = network_.stem(model::make_inputs(jets, device_, type_), context);
      }
      state = network_.segment(exit, state, context);
    }
    if (!plan.runs(k)) {
      continue;
    }
    model::State branch = state;
    if (plan.detach_heads && k + 1 < exits) {
      branch = scale_gradient(state, 0.0);
    } else if (plan.equilibrium) {  // Li et al., arXiv:1908.06294, section 3.2
      const auto heads = static_cast<double>(exits - k);
      branch = scale_gradient(state, 1.0 / heads);
      state = scale_gradient(state, (heads - 1.0) / heads);
    }
    logits[k] = network_.head(exit, branch, context).logits;
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
  const StepPlan plan = this->plan();
  const std::vector<at::Tensor> logits = forward(jets, plan, context);
  const at::Tensor labels = at::tensor(jets.labels, at::kLong).to(device_);
  const at::Tensor loss = total_loss(plan, logits, labels, settings_);
  if (loss.requires_grad()) {
    loss.backward();
  } else if (plan.weights == settings_.exit_weights) {
    throw InputError(
        "training: nothing that trains is on the way to an exit with a weight; freeze less or "
        "change exit_weights");
  }
  gradient_sum_.finish();

  const at::NoGradGuard no_grad;
  const at::Tensor norm = parameters_.gradients().norm();
  if (settings_.clip > 0.0) {
    parameters_.gradients().mul_(at::clamp_max(settings_.clip / norm, 1.0));
  }
  const double lr = learning_rate();
  optimiser_->update(parameters_, ++steps_done_, lr, settings_.weight_decay);

  // All that the host reads of the device, in one copy, since each waits for it.
  std::vector<at::Tensor> numbers{norm, loss};
  for (const at::Tensor& exit : logits) {
    if (exit.defined()) {
      numbers.push_back((exit.argmax(1) == labels).sum());
    }
  }
  for (at::Tensor& number : numbers) {
    number = number.to(at::kDouble);
  }
  const at::Tensor host = at::stack(numbers).cpu();
  const double* next = host.const_data_ptr<double>();
  StepReport report;
  report.gradient_norm = *next++;
  std::vector<double> sums{*next++};
  for (const at::Tensor& exit : logits) {
    sums.push_back(exit.defined() ? *next++ : std::numeric_limits<double>::quiet_NaN());
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
