#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"
#include "eebench/exec/executor.hpp"

namespace eebench::test {

/// A network made of formulas: its answers depend on jet and exit alone, get surer from exit to
/// exit, and its times are those of its cost model with some noise. It really sleeps that long.
class FakeExecutor final : public exec::Executor {
 public:
  struct Settings {
    std::int64_t exits = 3;
    std::int64_t classes = 10;
    double seconds_per_jet = 0.0;   ///< of the whole network at 40 constituents
    double flip_share = 0.0;        ///< of jets that leave one exit later in a run
    std::int64_t failing_jet = -1;  ///< a run with this jet throws
  };
  explicit FakeExecutor(const Settings& settings) : settings_(settings) {}

  std::int64_t exits() const override { return settings_.exits; }
  std::int64_t classes() const override { return settings_.classes; }

  /// Embeddings are the logits.
  exec::EveryExit replay(const data::JetBatch& batch) override {
    exec::EveryExit said;
    said.embeddings.resize(static_cast<std::size_t>(settings_.exits - 1));
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      for (std::int64_t exit = 0; exit < settings_.exits; ++exit) {
        const std::vector<float> row = answer(batch, jet, exit);
        said.logits.insert(said.logits.end(), row.begin(), row.end());
        if (exit + 1 < settings_.exits) {
          auto& embedding = said.embeddings[static_cast<std::size_t>(exit)];
          embedding.insert(embedding.end(), row.begin(), row.end());
        }
      }
    }
    return said;
  }

  exec::BatchTrace run(const data::JetBatch& batch, const exits::Rule& rule,
                       std::span<const double> thresholds) override {
    std::vector<std::int32_t> taken;
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      std::int32_t exit = 0;
      std::vector<float> said = answer(batch, jet, 0);
      std::vector<float> last = said;
      while (exit + 1 < settings_.exits &&
             !exits::leaves(exits::score(rule, {said, settings_.classes,
                                                static_cast<std::int64_t>(batch.multiplicity(jet)),
                                                data::transverse_momentum(batch, jet), last}),
                            thresholds[static_cast<std::size_t>(exit)])) {
        last = answer(batch, jet, ++exit);
        said.insert(said.end(), last.begin(), last.end());
      }
      const auto key = random_key(3, Stream::split, {static_cast<std::uint64_t>(batch.index[jet])});
      if (exit + 1 < settings_.exits && uniform(key, 0) < settings_.flip_share) {
        ++exit;
      }
      taken.push_back(exit);
    }
    return trace(batch, taken, true);
  }

  exec::BatchTrace run_whole(const data::JetBatch& batch, const exits::Rule& rule,
                             std::span<const double> thresholds) override {
    exec::BatchTrace result = run(batch, rule, thresholds);
    result.work = {};
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      const auto n = static_cast<std::int64_t>(batch.multiplicity(jet));
      result.work += cost(settings_.exits - 1, n).work;
    }
    return result;
  }

  exec::BatchTrace run_fixed(const data::JetBatch& batch, std::int64_t exit) override {
    return trace(batch, std::vector<std::int32_t>(batch.size(), static_cast<std::int32_t>(exit)),
                 false);
  }

  exec::JetCost cost(std::int64_t exit, std::int64_t n) const override {
    return {{segments(exit, n) + (exit + 1) * head, n * 100, n * 4000},
            (exit + 1) * (100'000 + 5'000)};
  }
  exec::JetCost plain_cost(std::int64_t exit, std::int64_t n) const override {
    return {{segments(exit, n) + head, n * 90, n * 3900}, (exit + 1) * 100'000 + 5'000};
  }

 private:
  static constexpr std::int64_t head = 200'000;
  static std::int64_t segments(std::int64_t exit, std::int64_t n) {
    return (exit + 1) * (n * 60'000 + n * n * 900);
  }

  std::vector<float> answer(const data::JetBatch& batch, std::size_t jet, std::int64_t exit) const {
    const auto index = static_cast<std::uint64_t>(batch.index[jet]);
    const double difficulty = uniform(random_key(1, Stream::split, {index}), 0);
    const double strength =
        0.8 + 5.0 * (1.0 - difficulty) * std::sqrt(1.0 + static_cast<double>(exit));
    std::vector<float> logits;
    for (std::int64_t c = 0; c < settings_.classes; ++c) {
      const auto own = random_key(1, Stream::weights, {index, static_cast<std::uint64_t>(c)});
      const auto key =
          random_key(2, Stream::weights,
                     {index, static_cast<std::uint64_t>(exit), static_cast<std::uint64_t>(c)});
      const double noise =
          1.6 * (uniform(own, 0) + uniform(own, 1) - 1.0) +
          2.4 * (uniform(key, 0) + uniform(key, 1) - 1.0) / (1.0 + static_cast<double>(exit));
      logits.push_back(static_cast<float>(noise + (c == batch.labels[jet] ? strength : 0.0)));
    }
    return logits;
  }

  exec::BatchTrace trace(const data::JetBatch& batch, const std::vector<std::int32_t>& taken,
                         bool with_heads) {
    const auto exits = static_cast<std::size_t>(settings_.exits);
    exec::BatchTrace trace;
    trace.exit_index = taken;
    trace.answer_seconds.assign(exits, std::nan(""));
    trace.survivors.assign(exits, 0);
    trace.segment_seconds.assign(exits, std::nan(""));
    trace.head_seconds.assign(exits, std::nan(""));
    const double per_multiply_add =
        settings_.seconds_per_jet / static_cast<double>(segments(settings_.exits - 1, 40));
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      if (batch.index[jet] == settings_.failing_jet) {
        throw Error(ExitCode::internal, "this jet is one too many");
      }
      const std::vector<float> logits = answer(batch, jet, taken[jet]);
      trace.logits.insert(trace.logits.end(), logits.begin(), logits.end());
      const auto n = static_cast<std::int64_t>(batch.multiplicity(jet));
      trace.work += with_heads ? cost(taken[jet], n).work : plain_cost(taken[jet], n).work;
      trace.peak_bytes += n * 4000;
    }
    const double noise = 1.0 + 0.1 * uniform(random_key(5, Stream::arrivals, {calls_++}), 0);
    double clock = 1e-5;
    for (std::size_t exit = 0; exit < exits; ++exit) {
      double segment = 0.0;
      bool any = false;
      for (std::size_t jet = 0; jet < batch.size(); ++jet) {
        if (taken[jet] >= static_cast<std::int32_t>(exit)) {
          ++trace.survivors[exit];
          const auto n = static_cast<std::int64_t>(batch.multiplicity(jet));
          segment += static_cast<double>(segments(0, n)) * per_multiply_add;
        }
        any = any || taken[jet] == static_cast<std::int32_t>(exit);
      }
      if (trace.survivors[exit] == 0) {
        break;
      }
      trace.segment_seconds[exit] = segment * noise;
      trace.head_seconds[exit] = with_heads || any ? 0.02 * segment * noise : std::nan("");
      clock += trace.segment_seconds[exit] + (with_heads || any ? trace.head_seconds[exit] : 0.0);
      if (any) {
        trace.answer_seconds[exit] = clock;
      }
    }
    trace.compact_seconds = with_heads ? 2e-6 * static_cast<double>(exits) : 0.0;
    trace.seconds = clock;
    if (settings_.seconds_per_jet > 0.0) {
      std::this_thread::sleep_for(std::chrono::duration<double>(clock));
    }
    return trace;
  }

  Settings settings_;
  std::uint64_t calls_ = 0;
};

/// Gates for two early exits. That of `learned` is as sure as the largest softmax value is high,
/// half sure at 0.6; that of `lte` as the first number of the embedding is.
inline exits::Fits fake_fits() {
  const auto gate = [](std::size_t features, double weight, double bias, std::size_t classes) {
    exits::Gate made{std::vector<double>(features), std::vector<double>(features, 1.0),
                     std::vector<double>(features), bias, std::vector<double>(classes)};
    made.weights[0] = weight;
    return exits::pack(made);
  };
  return {
      .numbers = {{"learned", {2, gate(7, 10.0, -6.0, 10)}}, {"lte", {2, gate(10, 1.0, 0.0, 0)}}}};
}

inline std::vector<std::string> ten_classes() {
  return {"QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl"};
}

/// Jets with labels in turn, multiplicities like real ones and momenta of their own, without
/// features.
inline data::JetBatch fake_jets(std::int64_t begin, std::int64_t end) {
  data::JetBatch batch;
  for (std::int64_t jet = begin; jet < end; ++jet) {
    const auto key = random_key(4, Stream::split, {static_cast<std::uint64_t>(jet)});
    const double bell = uniform(key, 0) + uniform(key, 1) + uniform(key, 2) - 1.5;
    const auto n = std::clamp(static_cast<std::int64_t>(40.0 + 35.0 * bell), std::int64_t{4},
                              std::int64_t{128});
    batch.offsets.push_back(batch.offsets.back() + n);
    batch.labels.push_back(jet % 10);
    batch.index.push_back(jet);
    batch.vectors.resize(static_cast<std::size_t>(4 * batch.offsets.back()),
                         10.0F + static_cast<float>(uniform(key, 3)));
    batch.points.resize(static_cast<std::size_t>(2 * batch.offsets.back()));
  }
  return batch;
}

}  // namespace eebench::test
