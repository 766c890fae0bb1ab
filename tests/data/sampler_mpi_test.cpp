#include <algorithm>

#include <catch2/catch.hpp>

#include "eebench/data/sampler.hpp"
#include "tests/support/paths.hpp"

using namespace eebench;
using comm::Communicator;
using data::GlobalOrder;
using data::JetBatch;
using data::JetSource;
using data::TrainingJets;

namespace {

constexpr std::int64_t global_batch = 50;  // 16, 17 and 17 at three ranks

JetSource open_jets() {
  return {test::source_dir() / "suites" / "assets" / "jets_test.h5",
          data::DataConfig::load(test::source_dir() / "configs" / "data" / "kin.yaml")};
}

/// Three windows, so that batches reach over their edges.
GlobalOrder order_of(const JetSource& source) {
  return {source.jets(), global_batch, 7, GlobalOrder::block_jets};
}

bool same(const JetBatch& left, const JetBatch& right) {
  return left.offsets == right.offsets && left.features == right.features &&
         left.points == right.points && left.vectors == right.vectors &&
         left.labels == right.labels && left.index == right.index;
}

}  // namespace

TEST_CASE("the ranks' parts, one after another, are the global batch of one rank") {
  const Communicator world = Communicator::world();
  const JetSource source = open_jets();
  TrainingJets parts(source, order_of(source), world);
  TrainingJets alone(source, order_of(source), Communicator());
  bool equal = true;
  for (const std::int64_t epoch : {0, 1}) {
    for (const std::int64_t b : {0, 1, 20, 21, 40, 41, 49}) {
      const JetBatch mine = parts.batch(epoch, b);
      const JetBatch whole = alone.batch(epoch, b);
      std::vector<std::int64_t> positions;
      for (std::int64_t i = global_batch * world.rank() / world.size();
           i < global_batch * (world.rank() + 1) / world.size(); ++i) {
        positions.push_back(i);
      }
      equal = equal && whole.size() == global_batch && same(mine, select(whole, positions));
      const auto gathered = world.all_gather(std::span<const std::int64_t>(mine.index));
      equal = equal && gathered == whole.index;
    }
  }
  CHECK(world.all(equal));
}

TEST_CASE("a batch does not depend on what was read before it") {
  const Communicator world = Communicator::world();
  const JetSource source = open_jets();
  TrainingJets running(source, order_of(source), world);
  for (std::int64_t b = 0; b < 23; ++b) {
    running.batch(3, b);
  }
  TrainingJets resumed(source, order_of(source), world);
  bool equal = true;
  for (const std::int64_t b : {23, 24, 40}) {
    equal = same(running.batch(3, b), resumed.batch(3, b)) && equal;
  }
  CHECK(world.all(equal));
}

TEST_CASE("an epoch takes whole batches, no jet twice") {
  const Communicator world = Communicator::world();
  const JetSource source = open_jets();
  TrainingJets parts(source, order_of(source), world);
  std::vector<std::int64_t> mine;
  for (std::int64_t b = 0; b < parts.order().batches(); ++b) {
    const JetBatch batch = parts.batch(0, b);
    mine.insert(mine.end(), batch.index.begin(), batch.index.end());
  }
  std::vector<std::int64_t> all = world.all_gather(std::span<const std::int64_t>(mine));
  std::sort(all.begin(), all.end());
  CHECK(all.size() == 2500);
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("jets that are drawn by weights are the same on any number of ranks, and on a resume") {
  const Communicator world = Communicator::world();
  data::DataConfig config =
      data::DataConfig::load(test::source_dir() / "configs" / "data" / "kin.yaml");
  config.weights.emplace();
  config.weights->factors = {Expression("0.2 + 0.3 * label_Hbb")};
  config.selection.emplace("(jet_pt > 550) & ~label_QCD");
  const JetSource source(test::source_dir() / "suites" / "assets" / "jets_test.h5", config,
                         data::Use::training);
  const std::int64_t jets = data::jets_of_epoch(source);
  const GlobalOrder order{jets, global_batch, 7, GlobalOrder::block_jets};
  TrainingJets parts(source, order, world);
  TrainingJets alone(source, order, Communicator());
  bool equal = jets != source.jets();
  std::vector<std::int64_t> first;
  for (const std::int64_t epoch : {0, 1}) {
    std::vector<std::int64_t> drawn;
    for (std::int64_t b = 0; b < order.batches(); ++b) {
      const JetBatch mine = parts.batch(epoch, b);
      const auto gathered = world.all_gather(std::span<const std::int64_t>(mine.index));
      const JetBatch whole = alone.batch(epoch, b);
      equal = equal && gathered == whole.index;
      equal = equal && std::count(whole.labels.begin(), whole.labels.end(), 0) == 0;
      drawn.insert(drawn.end(), whole.index.begin(), whole.index.end());
    }
    const JetBatch again = TrainingJets(source, order, Communicator()).batch(epoch, 3);
    equal = equal &&
            std::equal(again.index.begin(), again.index.end(), drawn.begin() + 3 * global_batch);
    equal = equal && drawn != first;
    first = drawn;
  }
  CHECK(world.all(equal));
}

TEST_CASE("every rank reads its own share of a file") {
  const Communicator world = Communicator::world();
  const JetSource source = open_jets();
  const std::int64_t begin = 2500 * world.rank() / world.size();
  const std::int64_t end = 2500 * (world.rank() + 1) / world.size();
  const JetBatch share = source.read(begin, end);
  const auto labels = world.all_gather(std::span<const std::int64_t>(share.labels));
  CHECK(world.all(labels == source.read(0, 2500).labels));
}
