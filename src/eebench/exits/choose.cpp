#include "eebench/exits/choose.hpp"

#include <algorithm>
#include <cmath>

#include "eebench/core/error.hpp"

namespace eebench::exits {
namespace {

using Bins = std::vector<std::int32_t>;  ///< [exits - 1] position of each threshold on its grid

struct Candidate {
  double right;  ///< jets
  double cost;   ///< sum over jets
  Bins bins;
};

/// Cuts at `bins` ranks of the scores in rising order, and `never_leave` behind them.
std::vector<double> cuts_of(std::vector<float> scores, std::int64_t bins) {
  std::erase_if(scores, [](float s) { return std::isnan(s); });
  std::sort(scores.begin(), scores.end());
  std::vector<double> cuts;
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(bins, 1));
  const std::size_t count = std::min(wanted, scores.size());
  for (std::size_t i = 0; i < count; ++i) {
    const double cut = static_cast<double>(scores[i * scores.size() / count]);
    if (cuts.empty() || cut > cuts.back()) {
      cuts.push_back(cut);
    }
  }
  cuts.push_back(never_leave);
  return cuts;
}

/// Evaluates threshold vectors on a grid, one coordinate at a time.
class Grid {
 public:
  Grid(const Decisions& decisions, std::int64_t bins)
      : decisions_(decisions),
        exits_(static_cast<std::size_t>(decisions.exits)),
        jets_(static_cast<std::size_t>(decisions.jets())) {
    for (std::size_t gate = 0; gate + 1 < exits_; ++gate) {
      std::vector<float> scores(jets_);
      for (std::size_t jet = 0; jet < jets_; ++jet) {
        scores[jet] = decisions.scores[jet * gates() + gate];
      }
      cuts_.push_back(cuts_of(scores, bins));
      // a jet leaves where the threshold's position is below its bin
      std::vector<std::int32_t> reached(jets_);
      for (std::size_t jet = 0; jet < jets_; ++jet) {
        const std::vector<double>& cuts = cuts_.back();
        const double s = static_cast<double>(scores[jet]);
        reached[jet] = std::isnan(s)
                           ? 0
                           : static_cast<std::int32_t>(
                                 std::upper_bound(cuts.begin(), cuts.end(), s) - cuts.begin());
      }
      bin_.push_back(reached);
    }
  }

  std::size_t gates() const { return exits_ - 1; }
  std::int32_t size(std::size_t gate) const {
    return static_cast<std::int32_t>(cuts_[gate].size());
  }
  Bins nobody() const {
    Bins bins;
    for (std::size_t gate = 0; gate < gates(); ++gate) {
      bins.push_back(size(gate) - 1);
    }
    return bins;
  }

  /// Every position of one gate's threshold, the others staying where `bins` has them.
  std::vector<Candidate> sweep(std::size_t gate, Bins bins) const {
    const auto positions = static_cast<std::size_t>(size(gate));
    double right = 0.0;
    double cost = 0.0;
    std::vector<double> right_gain(positions + 1);
    std::vector<double> cost_gain(positions + 1);
    for (std::size_t jet = 0; jet < jets_; ++jet) {
      const std::size_t before = leaves_at(jet, 0, gate, bins);
      const bool reaches = before == gate;
      const std::size_t otherwise = reaches ? leaves_at(jet, gate + 1, gates(), bins) : before;
      right += right_at(jet, otherwise);
      cost += cost_at(jet, otherwise);
      if (reaches) {
        const auto bin = static_cast<std::size_t>(bin_[gate][jet]);
        right_gain[bin] += right_at(jet, gate) - right_at(jet, otherwise);
        cost_gain[bin] += cost_at(jet, gate) - cost_at(jet, otherwise);
      }
    }
    std::vector<Candidate> result;
    result.reserve(positions);
    for (std::size_t position = positions; position-- > 0;) {
      right += right_gain[position + 1];
      cost += cost_gain[position + 1];
      bins[gate] = static_cast<std::int32_t>(position);
      result.push_back({right, cost, bins});
    }
    return result;
  }

  Choice choice(const Candidate& candidate) const {
    const double jets = static_cast<double>(jets_);
    Choice result{{}, candidate.right / jets, candidate.cost / jets};
    for (std::size_t gate = 0; gate < gates(); ++gate) {
      result.thresholds.push_back(cuts_[gate][static_cast<std::size_t>(candidate.bins[gate])]);
    }
    return result;
  }

 private:
  /// First gate of [from, to) at which the jet leaves, else `to`.
  std::size_t leaves_at(std::size_t jet, std::size_t from, std::size_t to, const Bins& bins) const {
    std::size_t gate = from;
    while (gate < to && bin_[gate][jet] <= bins[gate]) {
      ++gate;
    }
    return gate;
  }
  double right_at(std::size_t jet, std::size_t exit) const {
    return decisions_.right[jet * exits_ + exit] != 0 ? 1.0 : 0.0;
  }
  double cost_at(std::size_t jet, std::size_t exit) const {
    return decisions_.cost[jet * exits_ + exit];
  }

  const Decisions& decisions_;
  std::size_t exits_;
  std::size_t jets_;
  std::vector<std::vector<double>> cuts_;
  std::vector<std::vector<std::int32_t>> bin_;  ///< [gate][jet]
};

void keep_front(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.cost != b.cost ? a.cost < b.cost : a.right > b.right;
  });
  std::vector<Candidate> front;
  for (Candidate& candidate : candidates) {
    if (front.empty() || candidate.right > front.back().right) {
      front.push_back(std::move(candidate));
    }
  }
  candidates = std::move(front);
}

void append(std::vector<Candidate>& to, std::vector<Candidate> from) {
  keep_front(from);
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::vector<Candidate> all_vectors(const Grid& grid) {
  Bins bins = grid.nobody();
  if (grid.gates() == 1) {
    return grid.sweep(0, bins);
  }
  std::vector<Candidate> found;
  for (std::int32_t position = 0; position < grid.size(0); ++position) {
    bins[0] = position;
    append(found, grid.sweep(1, bins));
  }
  return found;
}

/// From dear to cheap: a high price makes jets leave early.
std::vector<Candidate> price_ladder(const Grid& grid) {
  std::vector<Candidate> found;
  Candidate now = grid.sweep(0, grid.nobody()).front();
  const double full_cost = now.cost;
  const double jets = std::max(now.right, 1.0);
  for (int rung = 0; rung < 83; ++rung) {  // prices 0.0001 to 9.5
    const double price = 1e-4 * std::pow(1.15, rung);
    const auto worth = [&](const Candidate& c) {
      return c.right - price * jets * c.cost / full_cost;
    };
    for (bool improved = true; improved;) {
      improved = false;
      for (std::size_t gate = 0; gate < grid.gates(); ++gate) {
        std::vector<Candidate> swept = grid.sweep(gate, now.bins);
        const auto best = std::max_element(
            swept.begin(), swept.end(),
            [&](const Candidate& a, const Candidate& b) { return worth(a) < worth(b); });
        if (worth(*best) > worth(now) + 1e-9) {
          now = *best;
          improved = true;
        }
        append(found, std::move(swept));
      }
      keep_front(found);
    }
  }
  return found;
}

std::vector<Choice> front_of(const Grid& grid, std::vector<Candidate> found) {
  keep_front(found);
  std::vector<Choice> front;
  front.reserve(found.size());
  for (const Candidate& candidate : found) {
    front.push_back(grid.choice(candidate));
  }
  return front;
}

void check(const Decisions& decisions) {
  if (decisions.exits < 2 || decisions.right.empty()) {
    throw InputError("thresholds can only be chosen for a network with early exits, on some jets");
  }
}

}  // namespace

std::vector<Choice> pareto_front(const Decisions& decisions, std::int64_t bins) {
  check(decisions);
  const Grid grid(decisions, bins);
  return front_of(grid, grid.gates() <= 2 ? all_vectors(grid) : price_ladder(grid));
}

std::vector<Choice> shared_front(const Decisions& decisions, std::int64_t bins) {
  check(decisions);
  std::vector<Choice> front;
  for (const double cut : cuts_of(decisions.scores, bins)) {
    const Replay result = replay(decisions, {&cut, 1});
    front.push_back({std::vector<double>(static_cast<std::size_t>(decisions.exits - 1), cut),
                     result.accuracy, result.mean_cost});
  }
  std::sort(front.begin(), front.end(), [](const Choice& a, const Choice& b) {
    return a.mean_cost != b.mean_cost ? a.mean_cost < b.mean_cost : a.accuracy > b.accuracy;
  });
  double best = -1.0;
  std::erase_if(front, [&](const Choice& choice) {
    const bool dominated = choice.accuracy <= best;
    best = std::max(best, choice.accuracy);
    return dominated;
  });
  return front;
}

const Choice& cheapest_within(std::span<const Choice> front, double accuracy, double max_loss) {
  if (front.empty()) {
    throw InputError("no thresholds to choose from");
  }
  for (const Choice& choice : front) {
    if (choice.accuracy >= accuracy - max_loss - 1e-12) {
      return choice;
    }
  }
  return front.back();
}

}  // namespace eebench::exits
