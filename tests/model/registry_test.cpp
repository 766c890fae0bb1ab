#include "eebench/model/registry.hpp"

#include <fstream>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/model/golden.hpp"
#include "tests/support/scratch_dir.hpp"

namespace eebench::model {
namespace {

std::int64_t features_of(const ModelConfig& config) {
  return config.features == "cifar10"       ? 3072
         : config.features.ends_with("kin") ? 7
         : config.features == "kinpid"      ? 13
                                            : 17;
}

/// Three jets, or three images.
State samples_of(const ModelConfig& config) {
  if (config.features != "cifar10") {
    return test::golden_batch(at::kFloat, features_of(config));
  }
  State images{nn::Ragged::equal(3, 1)};
  images.set("features", Axis::particle, at::arange(3 * 3072).sin().view({3, 3072}));
  return images;
}

std::int64_t cost_to(const Network& network, std::int64_t exit, std::int64_t n) {
  std::int64_t multiply_adds = network.stem_cost(n).work.multiply_adds;
  for (std::int64_t k = 0; k <= exit; ++k) {
    multiply_adds +=
        network.segment_cost(k, n).work.multiply_adds + network.head_cost(k, n).work.multiply_adds;
  }
  return multiply_adds;
}

TEST_CASE("every network of the registry is built from its configuration and has exits") {
  const at::NoGradGuard no_grad;
  REQUIRE(model_registry().size() >= 4);
  for (const ModelEntry& entry : model_registry()) {
    CAPTURE(entry.name);
    CHECK(!entry.sentence.empty());
    const ModelConfig config = load_model_config(std::string(entry.name));
    CHECK(config.name == entry.name);
    const auto network = make_network(config, features_of(config));
    network->eval();
    const std::int64_t classes = config.features == "top_kin" ? 2 : 10;
    CHECK(network->classes() == classes);
    CHECK(network->exits() >= (entry.name == "pelican-nano" ? 1 : 3));
    const auto logits = test::all_exits(*network, samples_of(config));
    for (std::int64_t k = 0; k < network->exits(); ++k) {
      const at::Tensor& exit = logits[static_cast<std::size_t>(k)];
      CHECK(exit.sizes() == at::IntArrayRef({3, classes}));
      CHECK(at::isfinite(exit).all().item<bool>());
      CHECK((k == 0 || cost_to(*network, k, 40) > cost_to(*network, k - 1, 40)));
    }
  }
}

TEST_CASE("the small presets cost a seventh and a fourteenth of the large ones") {
  const auto cost = [](const char* name) {
    const ModelConfig config = load_model_config(name);
    const auto network = make_network(config, features_of(config));
    return static_cast<double>(cost_to(*network, network->exits() - 1, 40));
  };
  CHECK(cost("part-small") / cost("part") == Approx(0.14).margin(0.01));
  CHECK(cost("particlenet-lite") / cost("particlenet") == Approx(0.07).margin(0.01));
}

TEST_CASE("a configuration stored as text builds the same network") {
  const ModelConfig config = load_model_config("particlenet-lite");
  const ModelConfig again = parse_model_config(config.text(), "weights.h5");
  CHECK(again.name == config.name);
  CHECK(again.features == config.features);
  const auto names = [](const ModelConfig& c) {
    std::vector<std::string> all;
    for (const auto& item : make_network(c, 7)->named_parameters()) {
      all.push_back(item.key() + c10::str(item.value().sizes()));
    }
    return all;
  };
  CHECK(names(again) == names(config));
}

TEST_CASE("the digest of a configuration is that of what the network is built from") {
  const auto digest = [](const std::string& text) {
    return network_sha256(parse_model_config(text, "test"));
  };
  const std::string text = "kind = 'particlenet'\n[network]\nk = 16\n";
  CHECK(digest(text) == digest("name = 'mine'\n" + text + "[train]\nlr = 0.5\n"));
  CHECK(digest(text) != digest("kind = 'particlenet'\n[network]\nk = 12\n"));
  CHECK(digest(text) != digest("features = 'kin'\n" + text));
  CHECK(digest(text) ==
        network_sha256(parse_model_config(parse_model_config(text, "a").text(), "b")));
}

TEST_CASE("wrong model configurations are refused in words") {
  const test::ScratchDir dir;
  const auto build = [&](const std::string& text) {
    const auto path = dir.path() / "mine.toml";
    std::ofstream(path) << text;
    return make_network(load_model_config(path.string()), 17);
  };
  CHECK_NOTHROW(build("kind = 'particlenet'"));
  CHECK_THROWS_WITH(load_model_config("partt"), Catch::Contains("did you mean 'part'"));
  CHECK_THROWS_WITH(build("kind = "), Catch::Contains("mine.toml, line 1"));
  CHECK_THROWS_WITH(build("kind = 'graphnet'"), Catch::Contains("graphnet"));
  CHECK_THROWS_WITH(build("kind = 'part'\nexit = 1"), Catch::Contains("unknown key 'exit' in") &&
                                                          Catch::Contains("mine.toml, line 2"));
  CHECK_THROWS_WITH(build("kind = 'particlenet'\n[network]\nblock = 1"),
                    Catch::Contains("did you mean 'blocks'"));
  CHECK_THROWS_WITH(build("kind = 'particlenet'\n[network]\nk = 'many'"),
                    Catch::Contains("line 3: 'k' must be an integer"));
  CHECK_THROWS_WITH(build("kind = 'part'\n[network]\nhead_layout = 'old'"),
                    Catch::Contains("'old' is neither"));
  const auto part = [&](const std::string& line) {
    return build("kind = 'part'\n[network]\n" + line);
  };
  const auto particlenet = [&](const std::string& line) {
    return build("kind = 'particlenet'\n[network]\n" + line);
  };
  CHECK_THROWS_WITH(part("heads = 0"),
                    Catch::Contains("network.heads = 0 must lie between 1 and 64"));
  CHECK_THROWS_WITH(part("heads = 3"), Catch::Contains("must be a multiple of heads = 3"));
  CHECK_THROWS_WITH(part("embed = [64, 0, 64]"), Catch::Contains("network.embed = 0 must lie"));
  CHECK_THROWS_WITH(part("embed = []"), Catch::Contains("network.embed must not be empty"));
  CHECK_THROWS_WITH(part("pair_embed = [-1]"), Catch::Contains("network.pair_embed = -1"));
  CHECK_THROWS_WITH(part("layers = 0"), Catch::Contains("network.layers = 0"));
  CHECK_THROWS_WITH(part("ffn_ratio = 0"), Catch::Contains("network.ffn_ratio = 0"));
  CHECK_THROWS_WITH(part("dropout = 1.5"),
                    Catch::Contains("network.dropout = 1.5 must lie between 0 and 0.99"));
  CHECK_THROWS_WITH(part("dropout = nan"), Catch::Contains("network.dropout = nan"));
  CHECK_THROWS_WITH(part("[exits]\nwidth = 0"), Catch::Contains("exits.width = 0"));
  CHECK_THROWS_WITH(build("kind = 'part'\nclasses = 0"), Catch::Contains("classes = 0"));
  CHECK_THROWS_WITH(particlenet("k = 200"),
                    Catch::Contains("network.k = 200 must lie between 1 and 127"));
  CHECK_THROWS_WITH(particlenet("blocks = [[8, 0]]"), Catch::Contains("network.blocks = 0"));
  CHECK_THROWS_WITH(particlenet("dropout = -0.1"), Catch::Contains("network.dropout = -0.1"));
  CHECK_THROWS_WITH(particlenet("fc = 0"), Catch::Contains("network.fc = 0"));
  CHECK_THROWS_WITH(particlenet("[exits]\nparticle_widths = [0]"),
                    Catch::Contains("exits.particle_widths = 0"));
}

}  // namespace
}  // namespace eebench::model
