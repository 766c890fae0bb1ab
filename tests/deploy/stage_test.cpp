#include "eebench/deploy/stage.hpp"

#include <optional>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/exec/executor.hpp"
#include "eebench/model/registry.hpp"
#include "tests/exec/small_networks.hpp"

namespace eebench::deploy {
namespace {

constexpr std::int64_t images = 3 * 32 * 32;

std::int64_t features_of(const model::ModelConfig& config) {
  return config.features.ends_with("kin") ? 7
         : config.features == "kinpid"    ? 13
         : config.features == "cifar10"   ? images
                                          : 17;
}

std::unique_ptr<model::Network> drawn(const model::ModelConfig& config, std::uint64_t seed) {
  at::manual_seed(seed);
  auto network = model::make_network(config, features_of(config));
  network->eval();
  return network;
}

/// Jets of 1 to 70 particles with so many features; images are of one particle.
data::JetBatch jets_with(std::int64_t features) {
  data::JetBatch jets =
      test::jets_of(features == images ? std::vector<std::int64_t>{1, 1, 1, 1, 1}
                                       : std::vector<std::int64_t>{1, 40, 3, 70, 17});
  const std::size_t given = jets.features.size();
  jets.features_per_particle = static_cast<std::size_t>(features);
  jets.features.resize(static_cast<std::size_t>(jets.offsets.back() * features));
  for (std::size_t i = given; i < jets.features.size(); ++i) {
    jets.features[i] = jets.features[i - given];
  }
  return jets;
}

TEST_CASE(
    "pieces of a network, each with its own parameters alone, answer bit for bit as the whole") {
  for (const model::ModelEntry& entry : model::model_registry()) {
    CAPTURE(entry.name);
    const model::ModelConfig config = model::load_model_config(std::string(entry.name));
    const auto whole = drawn(config, 1);
    const data::JetBatch jets = jets_with(features_of(config));
    const std::int64_t exits = whole->exits();
    const exits::Rule rule = exits::make_rule("confidence", {}, exits, {});
    const std::vector<double> nobody(static_cast<std::size_t>(exits - 1), exits::never_leave);

    std::optional<Underway> travelling;
    std::vector<Answers> answered;
    std::size_t tensors = 0;
    for (std::int64_t k = 0; k < exits; ++k) {
      const model::Segments own{k, k + 1};
      const model::StateDict piece = model::piece_of(*whole, own);
      tensors += piece.size();
      auto network = drawn(config, 2);
      model::load_piece(*network, piece, "piece", own);
      Stage stage(std::move(network), own, rule, nobody, 1);
      if (k == 0) {
        travelling = stage.enter(jets, 0, 0);
      }
      travelling = stage.run(Underway::unpack(travelling->pack()), answered);
    }
    CHECK(tensors == model::state_dict(*whole).size());
    REQUIRE(answered.size() == 1);
    CHECK(answered[0].exit == exits - 1);
    const std::vector<float> replayed =
        exec::make_executor(drawn(config, 1), {})->replay(jets).logits;
    const at::Tensor& logits = answered[0].record.get("logits");
    CHECK(logits.sizes() == at::IntArrayRef({5, exits, whole->classes()}));
    CHECK(std::vector<float>(logits.const_data_ptr<float>(),
                             logits.const_data_ptr<float>() + logits.numel()) == replayed);
    CHECK(at::isfinite(logits).all().item<bool>());
  }
}

TEST_CASE("the parameters of a segment are those that its cost counts") {
  for (const model::ModelEntry& entry : model::model_registry()) {
    CAPTURE(entry.name);
    const auto network = drawn(model::load_model_config(std::string(entry.name)), 1);
    for (std::int64_t k = 0; k < network->exits(); ++k) {
      std::int64_t parameters = 0;
      for (const auto& item : network->named_parameters()) {
        parameters += network->segment_of(item.key()) == k ? item.value().numel() : 0;
      }
      CHECK(parameters == (k == 0 ? network->stem_cost(40).parameters : 0) +
                              network->segment_cost(k, 40).parameters +
                              network->head_cost(k, 40).parameters);
    }
  }
}

}  // namespace
}  // namespace eebench::deploy
