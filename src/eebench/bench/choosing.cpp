#include "eebench/bench/choosing.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <utility>

#include "eebench/core/random.hpp"
#include "eebench/exits/choose.hpp"
#include "eebench/exits/replay.hpp"

namespace eebench::bench {
namespace {

double mean_of_last_exit(std::span<const double> values, std::size_t exits) {
  double sum = 0.0;
  double jets = 0.0;
  for (std::size_t i = exits - 1; i < values.size(); i += exits, ++jets) {
    sum += values[i];
  }
  return sum / jets;
}

/// Fronts of one network on the jets that choose, by rule and kind of thresholds.
class Fronts {
 public:
  Fronts(const store::AllExits& jets, const CostTable& costs, const exits::Fits& fits)
      : jets_(jets), costs_(costs), fits_(fits) {}

  exits::Choice choice(const Point& point) {
    const exits::Decisions& decisions = decisions_of(point);
    const std::vector<double> right(decisions.right.begin(), decisions.right.end());
    const double full = mean_of_last_exit(right, static_cast<std::size_t>(decisions.exits));
    return exits::cheapest_within(front_of(point, decisions), full, point.max_loss);
  }

 private:
  const exits::Decisions& decisions_of(const Point& point) {
    auto [entry, is_new] = decisions_.try_emplace(point.rule);
    if (is_new) {
      entry->second = exits::decide(rule_of(point, fits_, jets_.classes),
                                    store::answers_of(jets_, costs_.multiply_adds));
    }
    return entry->second;
  }
  const std::vector<exits::Choice>& front_of(const Point& point,
                                             const exits::Decisions& decisions) {
    auto [entry, is_new] = fronts_.try_emplace({point.rule, point.selection});
    if (is_new) {
      entry->second = point.selection == Selection::shared ? exits::shared_front(decisions)
                                                           : exits::pareto_front(decisions);
    }
    return entry->second;
  }

  const store::AllExits& jets_;
  const CostTable& costs_;
  const exits::Fits& fits_;
  std::map<std::string, exits::Decisions> decisions_;
  std::map<std::pair<std::string, Selection>, std::vector<exits::Choice>> fronts_;
};

/// Label and inputs of a jet in one number: hashes of different jets are the same once in 2^64
/// pairs.
std::int64_t mark_of(const data::JetBatch& batch, std::size_t jet) {
  std::uint64_t hash = mix64(static_cast<std::uint64_t>(batch.labels[jet]));
  const auto add = [&](const std::vector<float>& rows, std::size_t width) {
    const auto end = static_cast<std::size_t>(batch.offsets[jet + 1]) * width;
    for (std::size_t i = static_cast<std::size_t>(batch.offsets[jet]) * width; i < end; ++i) {
      hash = mix64(hash ^ std::bit_cast<std::uint32_t>(rows[i]));
    }
  };
  add(batch.features, batch.features_per_particle);
  if (!batch.vectors.empty()) {
    add(batch.vectors, 4);
  }
  return std::bit_cast<std::int64_t>(hash);
}

/// \collective The marks of this rank's share of the first `count` jets.
std::vector<std::int64_t> marks(const comm::Communicator& comm, const Jets& jets,
                                std::int64_t count, const store::Advance& advance) {
  constexpr std::int64_t jets_per_read = 8192;
  std::vector<std::int64_t> marks;
  const auto mark = [&](std::int64_t begin, std::int64_t end) {
    const data::JetBatch batch = jets.read(begin, end);
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      marks.push_back(mark_of(batch, jet));
    }
  };
  store::for_each_batch(comm, count, jets_per_read, mark, advance);
  return marks;
}

}  // namespace

void choose_thresholds(const comm::Communicator& comm, std::span<Point> points, std::int64_t model,
                       const store::AllExits& jets, const CostTable& costs,
                       const exits::Fits& fits) {
  std::vector<Point*> asking;
  for (Point& point : points) {
    if (point.model == model && point.selection != Selection::given) {
      asking.push_back(&point);
    }
  }
  std::vector<double> numbers;  // of each asking point: thresholds, accuracy, cost
  comm.agree([&] {
    if (!comm.is_root()) {
      return;
    }
    const double full_cost =
        mean_of_last_exit(costs.plain_multiply_adds, static_cast<std::size_t>(jets.exits));
    Fronts fronts(jets, costs, fits);
    for (const Point* point : asking) {
      const exits::Choice choice = fronts.choice(*point);
      numbers.insert(numbers.end(), choice.thresholds.begin(), choice.thresholds.end());
      numbers.insert(numbers.end(), {choice.accuracy, choice.mean_cost / full_cost});
    }
  });
  numbers = comm.all_gather(std::span<const double>(numbers));
  auto next = numbers.begin();
  for (Point* point : asking) {
    point->thresholds.assign(next, next + (point->exits - 1));
    next += point->exits - 1;
    point->chosen_accuracy = *next++;
    point->chosen_cost = *next++;
  }
}

std::int64_t jets_in_common(const comm::Communicator& comm, const Jets& a, std::int64_t jets_of_a,
                            const Jets& b, std::int64_t jets_of_b, const store::Advance& advance) {
  std::vector<std::int64_t> theirs =
      comm.all_gather(std::span<const std::int64_t>(marks(comm, b, jets_of_b, advance)));
  std::sort(theirs.begin(), theirs.end());
  std::int64_t common = 0;
  for (const std::int64_t mark : marks(comm, a, jets_of_a, advance)) {
    common += std::binary_search(theirs.begin(), theirs.end(), mark) ? 1 : 0;
  }
  return comm.all_reduce(common, comm::Reduce::sum);
}

}  // namespace eebench::bench
