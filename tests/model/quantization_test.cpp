// Networks whose linear layers are on grids: which layers, with which answers and gradients.

#include "eebench/model/quantization.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/model/linear_sites.hpp"
#include "eebench/model/weights.hpp"
#include "tests/model/golden.hpp"
#include "tests/model/small_networks.hpp"

namespace eebench::model {
namespace {

using Catch::Matchers::Contains;

std::unique_ptr<Network> golden(const std::string& kind) {
  static const std::map<std::string, std::function<std::unique_ptr<Network>()>> kinds{
      {"part", [] { return test::small_part("pooled"); }},
      {"particlenet", [] { return test::small_particlenet(); }},
      {"particlenext", [] { return test::small_particlenext(); }},
      {"pfn", &test::small_pfn}};
  auto network = kinds.at(kind)();
  network->to(at::kDouble);
  test::set_golden_parameters(*network);
  network->to(at::kFloat);
  network->eval();
  return network;
}

ModelConfig rows(const std::string& text) { return parse_model_config(text, "m.toml"); }

const std::string all_int8 =
    "[[quantize]]\nsite = '*'\nweight = 'int8-per-channel'\ninput = 'int8-absmax'\n";

/// On grids whose ranges are those of these jets.
void calibrate(Network& network, const std::string& text, const State& jets) {
  quantize(network, rows(text));
  const at::NoGradGuard no_grad;
  for (const LinearSite& site : linear_sites(network)) {
    site.layer->quantizers().input->observe(true);
  }
  test::all_exits(network, jets, {});
  for (const LinearSite& site : linear_sites(network)) {
    site.layer->quantizers().input->merge({});
    site.layer->quantizers().input->fix(site.path);
  }
}

at::Tensor logits(Network& network, const State& jets) {
  const at::NoGradGuard no_grad;
  return at::stack(test::all_exits(network, jets, {}));
}

double farthest(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST_CASE("integers give the answers of the values that they stand for, in every layer") {
  const std::string kind = GENERATE("part", "particlenet", "particlenext", "pfn");
  INFO(kind);
  const State jets = test::golden_batch(at::kFloat);
  const at::Tensor whole = logits(*golden(kind), jets);
  const auto fake = golden(kind);
  calibrate(*fake, all_int8, jets);
  const auto real = golden(kind);
  calibrate(*real, all_int8, jets);
  const Integers layers = use_integers(*real);
  CHECK(layers.can == layers.quantized);
  CHECK(layers.quantized == static_cast<std::int64_t>(linear_sites(*real).size()));
  real->prepare();

  const at::Tensor on_grids = logits(*fake, jets);
  const double scale = whole.abs().max().item<double>();
  CHECK(farthest(on_grids, whole) > 1e-4 * scale);
  CHECK(farthest(on_grids, whole) < 0.2 * scale);
  // A value on the edge of two integers may fall to either by rounding.
  CHECK(farthest(logits(*real, jets), on_grids) < 0.1 * farthest(on_grids, whole));
  fake->prepare();
  CHECK(farthest(logits(*fake, jets), on_grids) < 0.1 * farthest(on_grids, whole));
}

TEST_CASE("whatever grid an input has, integers give the answers of its values, or are not used") {
  const State jets = test::golden_batch(at::kFloat);
  const std::string input =
      GENERATE("int8-asymmetric", "uint8-mse", "int8-po2", "int6-percentile", "int8-lsq",
               "quantized_relu(8,2)", "fixed<8,3>", "int4-absmax");
  INFO(input);
  const std::string text = "[[quantize]]\nweight = 'int8-per-channel'\ninput = '" + input + "'\n";
  const auto fake = golden("pfn");
  calibrate(*fake, text, jets);
  const auto real = golden("pfn");
  calibrate(*real, text, jets);
  CHECK(use_integers(*real).can == use_integers(*real).quantized);
  real->prepare();
  const at::Tensor on_grids = logits(*fake, jets);
  CHECK(farthest(logits(*real, jets), on_grids) <
        0.1 * farthest(on_grids, logits(*golden("pfn"), jets)));

  // A slope, values that are not the steps, too many bits, another rounding, no clipping.
  for (const char* bent : {"quantized_relu(8,0,0.125)", "quantized_bits(8,2)", "int12-absmax",
                           "fixed<8,3,TRN>", "fixed<8,3,RND_CONV,WRAP>"}) {
    INFO(bent);
    const auto network = golden("pfn");
    calibrate(*network, "[[quantize]]\nweight = 'int8'\ninput = '" + std::string(bent) + "'\n",
              jets);
    CHECK(use_integers(*network).can == 0);
  }
}

TEST_CASE("with many bits answers and gradients are those of floating point") {
  const std::string kind = GENERATE("part", "particlenet", "pfn");
  INFO(kind);
  const State jets = test::golden_batch(at::kFloat);
  const auto gradients = [&](Network& network) {
    nn::Context context{.training = true, .jet_index = {0, 1, 2}};
    at::Tensor sum = at::zeros({});
    for (const at::Tensor& said : test::all_exits(network, jets, context)) {
      sum = sum + said.select(1, 3).sum();
    }
    sum.backward();
    std::map<std::string, at::Tensor> all;
    for (const LinearSite& site : linear_sites(network)) {
      all[site.path] = site.layer->weight.grad();
    }
    return all;
  };
  const auto plain = golden(kind);
  const auto fine = golden(kind);
  // Wide enough that nothing is clipped, which would get no gradient.
  calibrate(*fine, "[[quantize]]\nweight = 'fixed<24,8>'\ninput = 'fixed<24,10>'\n", jets);
  const auto expected = gradients(*plain);
  const auto got = gradients(*fine);
  for (const auto& [path, gradient] : expected) {
    INFO(path);
    REQUIRE(gradient.defined() == got.at(path).defined());
    if (gradient.defined()) {
      CHECK(farthest(gradient, got.at(path)) < 5e-2 * gradient.abs().max().item<double>());
    }
  }
}

TEST_CASE("rows name layers by site and segment; the last that names one counts") {
  const auto network = golden("part");
  quantize(
      *network,
      rows(all_int8 + "[[quantize]]\nsite = 'block.*'\nsegments = [1]\nweight = 'int4'\ninput = "
                      "'int4-mse'\n[[quantize]]\nsite = 'fc'\nweight = 'none'\n"));
  std::map<std::string, double> bits;
  for (const LinearSite& site : linear_sites(*network)) {
    const nn::Quantizers& own = site.layer->quantizers();
    bits[site.path] = own ? own.weight->bits().item<double>() : 32.0;
  }
  CHECK(bits.at("blocks.0.attn") == 8);
  CHECK(bits.at("blocks.1.attn") == 4);
  CHECK(bits.at("blocks.1.fc2") == 4);
  CHECK(bits.at("exits.0.fc") == 8);
  CHECK(bits.at("fc.0") == 32);

  const auto check = [&](const std::string& text, const auto& message) {
    CHECK_THROWS_WITH(quantize(*golden("part"), rows(text)), message);
  };
  check("[[quantize]]\nsite = 'blok.*'\nweight = 'int8'\ninput = 'int8'\n",
        Contains("unknown site 'blok.*' in m.toml, line 1") && Contains("there are: embed.0"));
  check(
      "[[quantize]]\nweight = 'int8-lsq-per-channel'\ninput = 'int8'\n",
      Contains("m.toml, line 1: 'int8-lsq-per-channel' learns a grid for each channel of block.") &&
          Contains("without -per-channel"));
  check("[[quantize]]\nweight = 'int8'\n", Contains("needs quantizers for both"));
  check("[[quantize]]\nweight = 'int'\ninput = 'int8'\n", Contains("m.toml, line 1"));
  check("[[quantize]]\nweigth = 'int8'\n", Contains("did you mean 'weight'"));
}

TEST_CASE("a quantized network without ranges does not train") {
  const auto network = golden("pfn");
  CHECK_FALSE(is_quantized(*network, "w.h5"));
  quantize(*network, rows(all_int8));
  CHECK_THROWS_WITH(is_quantized(*network, "w.h5"),
                    Contains("w.h5: the input of") && Contains("eebench quantize"));
}

TEST_CASE("weights of a quantized network carry ranges and grids") {
  const State jets = test::golden_batch(at::kFloat);
  const auto network = golden("particlenet");
  calibrate(*network, all_int8, jets);
  const auto again = golden("particlenet");
  quantize(*again, rows(all_int8));
  load_state_dict(*again, state_dict(*network), "w.h5");
  CHECK(at::equal(logits(*again, jets), logits(*network, jets)));
}

}  // namespace
}  // namespace eebench::model
