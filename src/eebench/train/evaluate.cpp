#include "eebench/train/evaluate.hpp"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "eebench/comm/share.hpp"
#include "eebench/data/read_ahead.hpp"

namespace eebench::train {
namespace {

/// Of this rank's jets, for each exit: right answers, then losses.
std::vector<double> local_sums(model::Network& network, const data::JetSource& jets,
                               std::int64_t last_exit, at::Device device, at::ScalarType type,
                               const comm::Communicator& comm, const std::function<void()>& alive) {
  constexpr std::int64_t batch = 256;
  nn::Context context;
  const auto exits = static_cast<std::size_t>(network.exits());
  std::vector<double> sums(2 * exits, 0.0);
  const auto [begin, end] = comm::share_of(jets.jets(), comm.rank(), comm.size());
  const data::ReadJets read = data::read_ahead(
      [&](std::int64_t first, std::int64_t last) { return jets.read(first, last); }, end);
  for (std::int64_t first = begin; first < end; first += batch) {
    alive();
    const data::JetBatch part = read(first, std::min(first + batch, end));
    const at::Tensor labels = at::tensor(part.labels, at::kLong).to(device);
    model::State state = network.stem(model::make_inputs(part, device, type), context);
    for (std::int64_t k = 0; k <= last_exit; ++k) {
      state = network.segment(k, state, context);
      const at::Tensor logits = network.head(k, state, context).logits;
      const auto exit = static_cast<std::size_t>(k);
      sums[exit] += (logits.argmax(1) == labels).sum().item<double>();
      sums[exits + exit] +=
          at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum).item<double>();
    }
  }
  return sums;
}

}  // namespace

Evaluation evaluate(model::Network& network, const data::JetSource& jets, std::int64_t last_exit,
                    at::Device device, at::ScalarType type, const comm::Communicator& comm,
                    const std::function<void()>& alive) {
  const at::NoGradGuard no_grad;
  network.eval();
  const auto exits = static_cast<std::size_t>(network.exits());
  std::vector<double> sums;
  comm.agree([&] { sums = local_sums(network, jets, last_exit, device, type, comm, alive); });
  comm.all_reduce(std::span(sums), comm::Reduce::sum);
  Evaluation result;
  for (std::size_t k = 0; k < exits; ++k) {
    const bool run = static_cast<std::int64_t>(k) <= last_exit;
    const double count =
        run ? static_cast<double>(jets.jets()) : std::numeric_limits<double>::quiet_NaN();
    result.accuracy.push_back(sums[k] / count);
    result.loss.push_back(sums[exits + k] / count);
  }
  return result;
}

}  // namespace eebench::train
