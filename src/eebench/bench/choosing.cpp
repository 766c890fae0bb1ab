#include "eebench/bench/choosing.hpp"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <string>
#include <utility>

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
  Fronts(const store::AllExits& jets, const CostTable& costs, std::span<const exits::Gate> gates)
      : jets_(jets), costs_(costs), gates_(gates) {}

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
      entry->second = exits::decide(rule_of(point, gates_, jets_.classes),
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
  std::span<const exits::Gate> gates_;
  std::map<std::string, exits::Decisions> decisions_;
  std::map<std::pair<std::string, Selection>, std::vector<exits::Choice>> fronts_;
};

/// \collective Of this rank's share of the first `count` jets: transverse momentum, constituents
/// and label, each jet's in one number.
std::vector<std::int64_t> marks(const comm::Communicator& comm, const Jets& jets,
                                std::int64_t count, const store::Advance& advance) {
  constexpr std::int64_t jets_per_read = 8192;
  std::vector<std::int64_t> marks;
  const auto mark = [&](std::int64_t begin, std::int64_t end) {
    const data::JetBatch batch = jets.read(begin, end);
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      const auto pt = std::bit_cast<std::uint32_t>(data::transverse_momentum(batch, jet));
      marks.push_back(static_cast<std::int64_t>(pt) << 32 |
                      static_cast<std::int64_t>(batch.multiplicity(jet)) << 16 | batch.labels[jet]);
    }
  };
  store::for_each_batch(comm, count, jets_per_read, mark, advance);
  return marks;
}

}  // namespace

void choose_thresholds(const comm::Communicator& comm, std::span<Point> points, std::int64_t model,
                       const store::AllExits& jets, const CostTable& costs,
                       std::span<const exits::Gate> gates) {
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
    Fronts fronts(jets, costs, gates);
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
  const std::vector<std::int64_t> theirs =
      comm.all_gather(std::span<const std::int64_t>(marks(comm, b, jets_of_b, advance)));
  const std::set<std::int64_t> known(theirs.begin(), theirs.end());
  std::int64_t common = 0;
  for (const std::int64_t mark : marks(comm, a, jets_of_a, advance)) {
    common += known.contains(mark) ? 1 : 0;
  }
  return comm.all_reduce(common, comm::Reduce::sum);
}

}  // namespace eebench::bench
