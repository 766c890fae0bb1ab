#include "eebench/deploy/stage.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

namespace eebench::deploy {
namespace {

using model::Axis;
using model::State;

/// Of whole numbers or others, one row a jet.
template <class T>
std::span<const T> values(const State& record, std::string_view name) {
  const at::Tensor& tensor = record.get(name);
  return {tensor.const_data_ptr<T>(), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace

Underway Underway::select(std::span<const std::int64_t> jets) const {
  return {state.select(jets), record.select(jets)};
}

Underway Underway::concat(const std::vector<Underway>& parts) {
  if (parts.size() == 1) {
    return parts.front();
  }
  std::vector<State> states;
  std::vector<State> records;
  for (const Underway& part : parts) {
    states.push_back(part.state);
    records.push_back(part.record);
  }
  return {State::concat(states), State::concat(records)};
}

std::vector<std::byte> Underway::pack() const {
  const std::vector<std::byte> first = state.pack();
  const std::vector<std::byte> second = record.pack();
  const std::uint64_t length = first.size();
  std::vector<std::byte> bytes(sizeof length + first.size() + second.size());
  std::memcpy(bytes.data(), &length, sizeof length);
  std::copy(second.begin(), second.end(),
            std::copy(first.begin(), first.end(), bytes.begin() + sizeof length));
  return bytes;
}

Underway Underway::unpack(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  bytes = bytes.subspan(sizeof length);
  return {State::unpack(bytes.first(length)), State::unpack(bytes.subspan(length))};
}

Stage::Stage(std::unique_ptr<model::Network> network, const model::Segments& segments,
             exits::Rule rule, std::vector<double> thresholds, int threads)
    : network_(std::move(network)),
      segments_(segments),
      rule_(std::move(rule)),
      thresholds_(std::move(thresholds)) {
  at::set_num_threads(threads);
  network_->to(at::kCPU, at::kFloat);
  network_->eval();
  network_->prepare();
}

Underway Stage::enter(const data::JetBatch& batch, std::int64_t origin, std::int64_t position) {
  const at::NoGradGuard no_grad;
  nn::Context context;
  const auto jets = static_cast<std::int64_t>(batch.size());
  State record(nn::Ragged::equal(jets, 1));
  record.set("origin", Axis::sample, at::full({jets}, origin, at::kLong));
  record.set("position", Axis::sample, at::arange(position, position + jets, at::kLong));
  at::Tensor multiplicity = at::empty({jets}, at::kLong);
  at::Tensor jet_pt = at::empty({jets}, at::kFloat);
  for (std::size_t jet = 0; jet < batch.size(); ++jet) {
    multiplicity.mutable_data_ptr<std::int64_t>()[jet] =
        static_cast<std::int64_t>(batch.multiplicity(jet));
    jet_pt.mutable_data_ptr<float>()[jet] = data::transverse_momentum(batch, jet);
  }
  record.set("multiplicity", Axis::sample, multiplicity);
  record.set("jet_pt", Axis::sample, jet_pt);
  record.set("logits", Axis::sample, at::empty({jets, 0, network_->classes()}, at::kFloat));
  return {network_->stem(model::make_inputs(batch, at::kCPU, at::kFloat), context), record};
}

Underway Stage::run(Underway jets, std::vector<Answers>& answered) {
  const at::NoGradGuard no_grad;
  nn::Context context;
  for (std::int64_t k = segments_.first; k < segments_.last && jets.size() > 0; ++k) {
    jets.state = network_->segment(k, jets.state, context);
    const model::HeadOutput said = network_->head(k, jets.state, context);
    jets.record.set("logits", Axis::sample,
                    at::cat({jets.record.get("logits"), said.logits.unsqueeze(1)}, 1));
    const at::Tensor embedding = said.embedding.contiguous();
    std::vector<std::int64_t> leaving;
    std::vector<std::int64_t> staying;
    for (std::int64_t jet = 0; jet < jets.size(); ++jet) {
      (leaves(jets.record, jet, k, embedding) ? leaving : staying).push_back(jet);
    }
    if (!leaving.empty()) {
      answered.push_back({k, jets.record.select(leaving)});
      jets = staying.empty() ? Underway() : jets.select(staying);
    }
  }
  return jets;
}

bool Stage::leaves(const State& record, std::int64_t jet, std::int64_t exit,
                   const at::Tensor& embedding) const {
  if (exit + 1 == network_->exits()) {
    return true;
  }
  const auto row = static_cast<std::size_t>(jet);
  const auto width = static_cast<std::size_t>((exit + 1) * network_->classes());
  const auto numbers = static_cast<std::size_t>(embedding.size(1));
  const float score =
      exits::score(rule_, {values<float>(record, "logits").subspan(row * width, width),
                           network_->classes(),
                           values<std::int64_t>(record, "multiplicity")[row],
                           values<float>(record, "jet_pt")[row],
                           {embedding.const_data_ptr<float>() + row * numbers, numbers}});
  return exits::leaves(score, thresholds_[static_cast<std::size_t>(exit)]);
}

}  // namespace eebench::deploy
