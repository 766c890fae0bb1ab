#include "eebench/data/draws.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using data::DataConfig;
using data::Draws;

namespace {

DataConfig with_weights(const std::string& more) {
  const test::ScratchDir scratch;
  const auto path = scratch.path() / "data.yaml";
  std::ofstream(path) << "inputs:\n"
                         "  pf_points: {vars: [part_deta, part_dphi]}\n"
                         "  pf_vectors: {vars: [part_px, part_py, part_pz, part_energy]}\n"
                         "  pf_features: {vars: [part_px]}\n"
                         "new_variables:\n"
                         "  base: 1 + jet_nparticles - 3 * np.floor(jet_nparticles / 3)\n"
                         "weights:\n"
                         "  reweight_vars: {jet_pt: [500, 650, 800, 900], jet_eta: [-2, 0, 2]}\n"
                         "  reweight_classes: [label_QCD, label_Hbb, label_Tbl]\n"
                         "  class_weights: [1, 0.5, 2]\n"
                      << more;
  return DataConfig::load(path);
}

std::vector<float> weights_of(const DataConfig& config) {
  const data::JetFile file(test::data("jets_test_250.h5"));
  std::vector<std::int64_t> all(static_cast<std::size_t>(file.jets()));
  std::iota(all.begin(), all.end(), 0);
  return data::jet_weights(file, config, all);
}

struct Golden {
  std::string settings;
  double sum;
  double squares;
  double largest;
};

}  // namespace

TEST_CASE("weights are those that weaver-core 0.5.3 makes of the same jets") {
  const auto [settings, sum, squares, largest] = GENERATE(
      Golden{"  reweight_method: flat\n", 10.3949997, 3.39494995, 0.9},
      Golden{"  reweight_method: ref\n  reweight_threshold: 25\n", 29.1508486, 15.6221095, 0.9},
      Golden{"  reweight_method: flat\n  reweight_discard_under_overflow: false\n", 10.3949998,
             3.23882374, 0.9},
      Golden{"  reweight_method: flat\n  reweight_basewgt: base\n", 79.7451032, 225.5617897,
             8.23529434});
  INFO(settings);
  const std::vector<float> weights = weights_of(with_weights(settings));
  double total = 0.0;
  double total_squares = 0.0;
  for (const float weight : weights) {
    total += weight;
    total_squares += static_cast<double>(weight) * weight;
  }
  CHECK(total == Approx(sum).epsilon(2e-6));
  CHECK(total_squares == Approx(squares).epsilon(2e-6));
  CHECK(*std::max_element(weights.begin(), weights.end()) == Approx(largest).epsilon(2e-6));
}

TEST_CASE("weights that the jets have already are multiplied") {
  DataConfig config = with_weights("");
  config.weights->factors = {Expression("jet_pt / 1000"), Expression("2 * label_QCD")};
  const std::vector<float> weights = weights_of(config);
  const data::JetColumns jets =
      data::JetFile(test::data("jets_test_250.h5")).read(0, 250, {"jet_pt"});
  for (std::size_t j = 0; j < weights.size(); ++j) {
    const float expected = jets.labels[j] == 0 ? jets.values.at("jet_pt")[j] / 500.0F : 0.0F;
    CHECK(weights[j] == Approx(expected).epsilon(1e-6));
  }
}

TEST_CASE("bins and classes without jets say so") {
  DataConfig config = with_weights("");
  config.weights->bins[0].edges = {5000, 6000};
  CHECK_THROWS_WITH(weights_of(config), Contains("data.yaml: weights: no jet of label_QCD in") &&
                                            Contains("widen them"));
  config = with_weights("");
  config.weights->classes[1].first = Expression("label_top");
  CHECK_THROWS_WITH(weights_of(config),
                    Contains("data.yaml: weights: ") && Contains("called 'label_top'"));
  CHECK_THROWS_WITH(Draws(std::vector<float>(5, 0.0F)), Contains("no jet is left"));
}

TEST_CASE("a jet is drawn as often as its weight says, the same for the same seed and epoch") {
  // Their sum allows three draws of each.
  const std::vector<float> weights{0.5F, 0.0F, 0.25F, 1.0F, 0.1F, 0.05F, 0.0F, 0.2F, 0.4F};
  const Draws draws(weights);
  CHECK(draws.most() == 3);
  REQUIRE(draws.per_epoch() == 7);
  constexpr int epochs = 4000;
  std::vector<double> count(weights.size());
  bool alike = true;
  bool rising = true;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    std::vector<double> now(weights.size());
    std::int64_t before = 0;
    for (std::int64_t place = 0; place < draws.per_epoch(); ++place) {
      const std::int64_t jet = draws.jet(5, epoch, place);
      alike = alike && jet == Draws(weights).jet(5, epoch, place);
      rising = rising && jet >= before;
      before = jet;
      ++now[static_cast<std::size_t>(jet)];
    }
    for (std::size_t j = 0; j < now.size(); ++j) {
      count[j] += now[j] / epochs;
    }
  }
  CHECK(alike);
  CHECK(rising);
  for (std::size_t j = 0; j < weights.size(); ++j) {
    const double expected = weights[j] * 7.0 / 2.5;  // 7: what is left of 3 x 2.5, whole
    INFO(j);
    CHECK(count[j] == Approx(expected).margin(weights[j] > 0.0F ? 0.05 : 0.0));
  }
  const auto epoch_of = [&](std::uint64_t seed, std::int64_t epoch) {
    std::vector<std::int64_t> jets;
    for (std::int64_t place = 0; place < draws.per_epoch(); ++place) {
      jets.push_back(draws.jet(seed, epoch, place));
    }
    return jets;
  };
  std::vector<std::vector<std::int64_t>> seen{epoch_of(1, 0), epoch_of(2, 0), epoch_of(1, 1)};
  std::sort(seen.begin(), seen.end());
  CHECK(std::unique(seen.begin(), seen.end()) - seen.begin() > 1);
}

TEST_CASE("weights above 1 keep a jet, as they do in weaver, and no jet is tried too often") {
  CHECK(Draws(std::vector<float>{5.0F, 1.0F, 1.0F}).per_epoch() == 3);
  const Draws rare(std::vector<float>(1000, 0.01F));
  CHECK(rare.most() == 10);
  CHECK(rare.per_epoch() == 99);  // 100 in numbers of any length
}
