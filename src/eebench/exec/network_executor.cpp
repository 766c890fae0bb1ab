#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include "eebench/core/error.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/model/linear_sites.hpp"
#include "eebench/model/network.hpp"
#include "eebench/nn/device.hpp"
#include "eebench/nn/peak_memory.hpp"
#include "eebench/sys/timer.hpp"

namespace eebench::exec {
namespace {

class NetworkExecutor final : public Executor {
 public:
  NetworkExecutor(std::unique_ptr<model::Network> network, const Settings& settings)
      : network_(std::move(network)),
        settings_(settings),
        device_(nn::device_of(settings.device, settings.local_rank)) {
    if (settings.deterministic && !device_.is_cpu()) {
      throw InputError("deterministic mode runs on the CPU alone; choose --device cpu");
    }
    if (settings.deterministic && settings.precision == Precision::bf16) {
      throw InputError("deterministic mode computes in fp32 or int8, not in bf16; take one away");
    }
    at::set_num_threads(settings.threads);
    if (settings.precision == Precision::int8) {
      if (!device_.is_cpu()) {
        throw InputError("precision int8 runs on the CPU alone; choose --device cpu");
      }
      const model::Integers layers = model::use_integers(*network_);
      if (layers.can == 0) {
        throw InputError(
            fmt::format("precision int8: of the network's linear layers {} are quantized, and none "
                        "to at most 8 "
                        "bits; eebench quantize makes such weights",
                        layers.quantized));
      }
    }
    network_->to(device_, at::kFloat);
    network_->eval();
    network_->prepare();
  }

  std::int64_t exits() const override { return network_->exits(); }
  std::int64_t classes() const override { return network_->classes(); }

  EveryExit replay(const data::JetBatch& batch) override {
    const at::NoGradGuard no_grad;
    nn::Context context = fresh_context();
    EveryExit result;
    std::vector<at::Tensor> logits;
    model::State state = stem(batch, context);
    for (std::int64_t k = 0; k < exits(); ++k) {
      state = network_->segment(k, state, context);
      const model::HeadOutput said = network_->head(k, state, context);
      logits.push_back(said.logits);
      if (k + 1 < exits()) {
        result.embeddings.push_back(to_host(said.embedding));
      }
    }
    result.logits = to_host(at::stack(logits, 1));
    return result;
  }

  BatchTrace run(const data::JetBatch& batch, const exits::Rule& rule,
                 std::span<const double> thresholds) override {
    return decide(batch, rule, thresholds, [](auto...) { return false; });
  }

  BatchTrace run_whole(const data::JetBatch& batch, const exits::Rule& rule,
                       std::span<const double> thresholds) override {
    const std::int64_t last = exits() - 1;
    std::vector<std::int32_t> taken(batch.size(), static_cast<std::int32_t>(last));
    std::vector<float> answers(batch.size() * static_cast<std::size_t>(classes()));
    BatchTrace result = decide(batch, rule, thresholds,
                               [&](std::int64_t k, std::size_t jet, std::span<const float> said) {
                                 if (taken[jet] == last) {
                                   taken[jet] = static_cast<std::int32_t>(k);
                                   std::copy(said.begin(), said.end(), &answers[jet * said.size()]);
                                 }
                                 return true;
                               });
    const auto width = static_cast<std::size_t>(classes());
    std::fill(result.answer_seconds.begin(), result.answer_seconds.end(),
              std::numeric_limits<double>::quiet_NaN());
    for (std::size_t jet = 0; jet < taken.size(); ++jet) {
      if (taken[jet] < last) {
        std::copy_n(&answers[jet * width], width, &result.logits[jet * width]);
      }
      result.answer_seconds[static_cast<std::size_t>(taken[jet])] = result.seconds;
    }
    result.exit_index = std::move(taken);
    return result;
  }

  BatchTrace run_fixed(const data::JetBatch& batch, std::int64_t exit) override {
    if (exit < 0 || exit >= exits()) {
      throw InputError(fmt::format("exit {} of a network with {} exits", exit, exits()));
    }
    return trace(
        batch,
        [](std::int64_t, const auto&, const auto&, const auto&) {
          return std::vector<std::int64_t>{};
        },
        exit);
  }

  JetCost cost(std::int64_t exit, std::int64_t n) const override { return cost_of(exit, n, 0); }
  JetCost plain_cost(std::int64_t exit, std::int64_t n) const override {
    return cost_of(exit, n, exit);
  }

 private:
  nn::Context fresh_context() const {
    nn::Context context;
    context.deterministic = settings_.deterministic;
    context.bfloat16 = settings_.precision == Precision::bf16;
    return context;
  }

  model::State stem(const data::JetBatch& batch, nn::Context& context) {
    return network_->stem(model::make_inputs(batch, device_, at::kFloat), context);
  }

  static std::vector<float> to_host(const at::Tensor& tensor) {
    const at::Tensor host = tensor.to(at::kCPU, at::kFloat).contiguous();
    return {host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel()};
  }

  void synchronise() const {
    if (device_.is_cuda()) {
      torch::cuda::synchronize(device_.index());
    }
  }

  /// Runs segments and heads in turn. Of a jet whose score reaches the threshold at exit k,
  /// `goes_on(k, jet, logits)` says whether it goes on all the same.
  template <class GoesOn>
  BatchTrace decide(const data::JetBatch& batch, const exits::Rule& rule,
                    std::span<const double> thresholds, const GoesOn& goes_on) {
    if (static_cast<std::int64_t>(thresholds.size()) != exits() - 1) {
      throw InputError(fmt::format("{} thresholds for a network with {} early exits",
                                   thresholds.size(), exits() - 1));
    }
    const auto width = static_cast<std::size_t>(classes());
    const std::size_t all = static_cast<std::size_t>(exits()) * width;
    std::vector<float> said(batch.size() * all);  // [B, exits, classes] so far
    return trace(batch, [&](std::int64_t k, const at::Tensor& embedding,
                            const std::vector<float>& logits,
                            const std::vector<std::int64_t>& jets) {
      const bool is_read = !rule.embedding_rule.empty() && k + 1 < exits();
      const std::vector<float> read = is_read ? to_host(embedding) : std::vector<float>();
      const std::size_t numbers = read.size() / jets.size();
      const std::size_t before = static_cast<std::size_t>(k) * width;
      std::vector<std::int64_t> survivors;
      for (std::size_t row = 0; row < jets.size() && k + 1 < exits(); ++row) {
        const auto jet = static_cast<std::size_t>(jets[row]);
        float* own = &said[jet * all];
        std::copy_n(&logits[row * width], width, own + before);
        const float score = exits::score(rule, {{own, before + width},
                                                classes(),
                                                static_cast<std::int64_t>(batch.multiplicity(jet)),
                                                data::transverse_momentum(batch, jet),
                                                std::span(read).subspan(row * numbers, numbers)});
        if (!exits::leaves(score, thresholds[static_cast<std::size_t>(k)]) ||
            goes_on(k, jet, std::span<const float>(own + before, width))) {
          survivors.push_back(static_cast<std::int64_t>(row));
        }
      }
      return survivors;
    });
  }

  /// Runs segments in turn, and heads from `first_head` on. After each head `stay` names the rows
  /// that go on; the others have their answer.
  template <class Stay>
  BatchTrace trace(const data::JetBatch& batch, const Stay& stay, std::int64_t first_head = 0) {
    const at::NoGradGuard no_grad;
    const nn::WorkScope scope;
    nn::PeakMemory memory(device_);
    const sys::Timer timer;
    const auto count = static_cast<std::size_t>(exits());
    const auto width = static_cast<std::size_t>(classes());
    BatchTrace result;
    result.logits.resize(batch.size() * width);
    result.exit_index.resize(batch.size());
    for (auto* times : {&result.answer_seconds, &result.segment_seconds, &result.head_seconds}) {
      times->assign(count, std::numeric_limits<double>::quiet_NaN());
    }
    result.survivors.assign(count, 0);
    result.segment_peak_bytes.assign(count, 0);
    result.head_peak_bytes.assign(count, 0);

    nn::Context context = fresh_context();
    std::vector<std::int64_t> jets(batch.size());  // of the rows still under way
    std::iota(jets.begin(), jets.end(), 0);
    model::State state = stem(batch, context);
    double last = 0.0;
    const auto lap = [&] {
      synchronise();
      const double now = timer.seconds();
      return now - std::exchange(last, now);
    };
    const auto peak = [&] {
      const std::int64_t bytes = memory.bytes();
      memory.restart();
      result.peak_bytes = std::max(result.peak_bytes, bytes);
      return bytes;
    };
    for (std::int64_t k = 0; k < exits() && !jets.empty(); ++k) {
      const auto exit = static_cast<std::size_t>(k);
      result.survivors[exit] = static_cast<std::int64_t>(jets.size());
      state = network_->segment(k, state, context);
      result.segment_seconds[exit] = lap();
      result.segment_peak_bytes[exit] = peak();
      if (k < first_head) {
        continue;
      }
      const model::HeadOutput said = network_->head(k, state, context);
      const std::vector<float> logits = to_host(said.logits);
      const std::vector<std::int64_t> rows = stay(k, said.embedding, logits, jets);
      std::vector<bool> goes_on(jets.size(), false);
      for (const std::int64_t row : rows) {
        goes_on[static_cast<std::size_t>(row)] = true;
      }
      for (std::size_t row = 0; row < jets.size(); ++row) {
        if (!goes_on[row]) {
          const auto jet = static_cast<std::size_t>(jets[row]);
          std::copy_n(&logits[row * width], width, &result.logits[jet * width]);
          result.exit_index[jet] = static_cast<std::int32_t>(k);
        }
      }
      result.head_seconds[exit] = lap();
      result.head_peak_bytes[exit] = peak();
      if (rows.size() < jets.size()) {
        result.answer_seconds[exit] = last;
        std::vector<std::int64_t> remaining;
        for (const std::int64_t row : rows) {
          remaining.push_back(jets[static_cast<std::size_t>(row)]);
        }
        jets = std::move(remaining);
        if (!jets.empty()) {
          state = state.select(rows);
        }
        result.compact_seconds += lap();
        peak();  // of the compaction; what runs next starts from the survivors
      }
    }
    result.seconds = last;
    result.work = scope.work();
    return result;
  }

  JetCost cost_of(std::int64_t exit, std::int64_t n, std::int64_t first_head) const {
    JetCost total;
    const auto add = [&](const model::Cost& piece) {
      total.work += piece.work;
      total.parameters += piece.parameters;
    };
    add(network_->stem_cost(n));
    for (std::int64_t k = 0; k <= exit; ++k) {
      add(network_->segment_cost(k, n));
      if (k >= first_head) {
        add(network_->head_cost(k, n));
      }
    }
    return total;
  }

  std::unique_ptr<model::Network> network_;
  Settings settings_;
  at::Device device_;
};

}  // namespace

std::unique_ptr<Executor> make_executor(std::unique_ptr<model::Network> network,
                                        const Settings& settings) {
  return std::make_unique<NetworkExecutor>(std::move(network), settings);
}

}  // namespace eebench::exec
