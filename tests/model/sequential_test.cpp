#include "eebench/model/sequential/sequential.hpp"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/model/registry.hpp"
#include "tests/model/golden.hpp"

namespace eebench::model {
namespace {

/// Two images by a rule, as the reference had them.
State golden_images(at::ScalarType type) {
  const at::Tensor p = at::arange(2 * 3072, at::kDouble);
  State state{nn::Ragged::equal(2, 1)};
  state.set("features", Axis::particle,
            at::sin(0.01 * p + 0.3 * at::sin(0.37 * p)).view({2, 3072}).to(type));
  return state;
}

std::unique_ptr<Network> golden(std::unique_ptr<Network> network, at::ScalarType type) {
  network->to(at::kDouble);
  test::set_golden_parameters(*network, "");
  network->to(type);
  network->eval();
  return network;
}

std::unique_ptr<Network> shipped(const char* name, at::ScalarType type) {
  return golden(make_network(load_model_config(name), 3072), type);
}

// Logits of the three exits for two images: the networks written in plain PyTorch, float64, with
// the parameters of set_golden_parameters(network, "").
const std::vector<double> vgg19_logits{
    -0.207044956,  -0.44715417,   -0.668522897, -0.828827322, -0.897635699, -0.867734554,
    -0.756850977,  -0.599071925,  -0.430012343, -0.272628078, -0.207110267, -0.44717643,
    -0.668500629,  -0.828762004,  -0.89753167,  -0.867598723, -0.756692366, -0.598901068,
    -0.42984059,   -0.272466835,  -0.215663522, -0.457006041, -0.676207894, -0.831302422,
    -0.893608271,  -0.858278841,  -0.744957321, -0.588337123, -0.423080656, -0.270107294,
    -0.211479906,  -0.453371514,  -0.673363857, -0.829437773, -0.892846859, -0.858671239,
    -0.746477465,  -0.590884047,  -0.426485195, -0.274143323, 8.026611463,  5.356328147,
    2.292330793,   -0.944045549,  -4.110551662, -6.972950098, -9.331823517, -11.040193559,
    -12.008722956, -12.200300046, 5.68908488,   3.724699164,  1.474970612,  -0.892848664,
    -3.194198159,  -5.252303279,  -6.921167062, -8.099640911, -8.733582747, -8.808103885};
const std::vector<double> resnet20_logits{
    -0.050880144,    -0.419211274,    0.164189234,     0.343438256,     -0.351190931,
    -0.461733373,    0.303144269,     0.42153194,      -0.251522948,    -0.225768293,
    -0.060819964,    -0.418572061,    0.174046512,     0.341526184,     -0.360801306,
    -0.458580325,    0.312347494,     0.417190489,     -0.260165567,    -0.220310831,
    3.92419871,      -5.410792487,    -3.177316159,    5.755681506,     2.285865989,
    -6.212196903,    -1.582272086,    6.427061704,     0.867067749,     -6.374095495,
    4.706139752,     -5.344646856,    -3.967798512,    5.791609962,     3.071708941,
    -6.349600366,    -2.350372285,    6.663649072,     1.60461769,      -6.705921848,
    -927.44172043,   -2444.566926043, -2416.216736302, -860.313969397,  1239.48942775,
    2555.682470986,  2256.155476553,  530.266098967,   -1530.871121857, -2624.191376956,
    -1096.827334803, -2884.949645258, -2849.185687193, -1012.145278589, 1464.783830457,
    3015.670994522,  2660.032417387,  622.699613131,   -1808.317694717, -3096.115735077};

TEST_CASE("VGG-19 and ResNet-20 reproduce the logits of PyTorch at every exit") {
  const at::NoGradGuard no_grad;
  const auto [name, expected] = GENERATE(table<const char*, std::vector<double>>(
      {{"vgg19", vgg19_logits}, {"resnet20", resnet20_logits}}));
  const at::Tensor reference = at::tensor(expected, at::kDouble).view({3, 2, 10});
  const auto difference = [&](const std::vector<at::Tensor>& logits) {
    return at::div(at::stack(logits).to(at::kDouble) - reference,
                   reference.abs().amax({1, 2}, /*keepdim=*/true))
        .abs()
        .max()
        .item<double>();
  };
  CHECK(difference(test::all_exits(*shipped(name, at::kDouble), golden_images(at::kDouble))) <
        1e-9);
  const auto network = shipped(name, at::kFloat);
  const State images = golden_images(at::kFloat);
  CHECK(difference(test::all_exits(*network, images)) < 1e-4);
  network->prepare();
  CHECK(difference(test::all_exits(*network, images, {.deterministic = true})) < 1e-4);
}

TEST_CASE("VGG-19 and ResNet-20 have the size and cost that PyTorch's have") {
  // Without early heads: parameters and multiply-adds are the published 20.57 M and 398.66 M, 0.27
  // M and 40.81 M, here counted in PyTorch; weaver_macs are those of weaver-core 0.5.3 less its
  // ReLUs and pools, which it counts a second time as functions (429056 and 192512).
  struct Expected {
    const char* name;
    std::int64_t parameters;
    std::int64_t multiply_adds;
    std::int64_t weaver_macs;
    std::int64_t first_segment;
    std::int64_t first_head;  ///< of VGG-19 16384 x 512 + 512 x 512 + 512 x 10 and their biases
  };
  const auto expected =
      GENERATE(Expected{"vgg19", 20565834, 398660608, 400429066 - 429056, 38976, 8656906},
               Expected{"resnet20", 272474, 40813184, 41599626 - 192512, 14480, 3466});
  const auto network = make_network(load_model_config(expected.name), 3072);
  Cost plain = network->head_cost(2, 1);
  std::int64_t registered = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    registered += parameter.numel();
  }
  std::int64_t charged = network->head_cost(0, 1).parameters + network->head_cost(1, 1).parameters;
  for (std::int64_t k = 0; k < 3; ++k) {
    const Cost segment = network->segment_cost(k, 1);
    plain.parameters += segment.parameters;
    plain.work += segment.work;
    plain.weaver_macs += segment.weaver_macs;
  }
  CHECK(plain.parameters == expected.parameters);
  CHECK(plain.work.multiply_adds == expected.multiply_adds);
  CHECK(plain.weaver_macs == expected.weaver_macs);
  CHECK(charged + plain.parameters == registered);
  CHECK(network->segment_cost(0, 1).parameters == expected.first_segment);
  CHECK(network->head_cost(0, 1).parameters == expected.first_head);
}

const std::vector<LayerConfig> head{{PoolConfig{.maximum = false}},
                                    {FlattenConfig{}},
                                    {DropoutConfig{}},
                                    {LinearConfig{6}},
                                    {ActivationConfig{nn::Activation::gelu}},
                                    {LinearConfig{3}}};

/// Every kind of layer; 5 x 4 pixels of 2 channels.
SequentialConfig small() {
  const LayerConfig norm{NormConfig{}};
  const LayerConfig relu{ActivationConfig{}};
  const LayerConfig leaky{ActivationConfig{nn::Activation::leaky_relu}};
  const LayerConfig conv{ConvConfig{.out = 4, .padding = 1}};
  const LayerConfig plain{ConvConfig{.out = 4, .kernel = 1, .bias = false}};
  return {.features = 40,
          .classes = 3,
          .input = {2, 5, 4},
          .layers = {conv,
                     norm,
                     relu,
                     relu,
                     {ResidualConfig{.layers = {relu, plain, norm}}},
                     {PoolConfig{.size = 2}},
                     {ResidualConfig{.layers = {{DropoutConfig{}}}, .shortcut = {leaky, conv}}},
                     norm,
                     leaky,
                     {FlattenConfig{}},
                     {LinearConfig{7}},
                     norm,
                     {ActivationConfig{nn::Activation::gelu}}},
          .classifier = {{DropoutConfig{.p = 0.2}}, {LinearConfig{.out = 3, .bias = false}}},
          .exits_after = {2, 8},
          .head = head};
}

State images_of(std::int64_t count, std::int64_t features, at::ScalarType type) {
  State state{nn::Ragged::equal(count, 1)};
  state.set("features", Axis::particle,
            at::arange(count * features, at::kDouble).mul(0.7).sin().view({count, -1}).to(type));
  return state;
}

TEST_CASE("the cost of every kind of layer equals the work that operations counted") {
  const at::NoGradGuard no_grad;
  const auto network = golden(make_sequential(small()), at::kFloat);
  if (GENERATE(false, true)) {
    network->prepare();
  }
  const State batch = images_of(3, 40, at::kFloat);
  const nn::WorkScope scope;
  test::all_exits(*network, batch);
  CHECK(scope.work() == test::work_by_formula(*network, batch));
}

TEST_CASE("images of a batch do not influence each other, also after compaction") {
  const at::NoGradGuard no_grad;
  const auto network = golden(make_sequential(small()), at::kFloat);
  const State batch = images_of(5, 40, at::kFloat);
  nn::Context context{.deterministic = true};
  const auto before = test::all_exits(*network, batch, context);
  if (GENERATE(false, true)) {
    network->prepare();
  }
  const auto whole = test::all_exits(*network, batch, context);
  for (std::int64_t image = 0; image < batch.size(); ++image) {
    const auto alone = test::all_exits(*network, batch.select(std::vector{image}), context);
    for (std::size_t k = 0; k < whole.size(); ++k) {
      CHECK(at::equal(alone[k][0], whole[k][image]));
      CHECK(at::allclose(before[k], whole[k], 1e-5, 1e-5));
    }
  }
  // Behind the first exit x is read by a norm and its relu, behind the second by a leaky one:
  // neither may change what an exit reads.
  State state = network->segment(0, network->stem(batch, context), context);
  const at::Tensor kept = state.get("x").clone();
  const State next = network->segment(1, state, context);
  CHECK(at::equal(state.get("x"), kept));
  const at::Tensor second = next.get("x").clone();
  network->segment(2, next, context);
  CHECK(at::equal(next.get("x"), second));
  state = State::unpack(state.select(std::vector<std::int64_t>{4, 1}).pack());
  state = network->segment(2, network->segment(1, state, context), context);
  const at::Tensor logits = network->head(2, state, context).logits;
  CHECK(at::equal(logits[0], whole[2][4]));
  CHECK(at::equal(logits[1], whole[2][1]));
}

TEST_CASE("gradients of every kind of layer are those of finite differences") {
  const auto network = golden(make_sequential(small()), at::kDouble);
  network->train();
  const State batch = images_of(3, 40, at::kDouble);
  const auto loss = [&] {
    // BatchNorm over the batch, dropout keyed by the image.
    nn::Context context{.training = true, .seed = 3, .step = 2, .jet_index = {4, 9, 7}};
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (const at::Tensor& logits : test::all_exits(*network, batch, context)) {
      sum = sum + (logits * at::arange(9, at::kDouble).cos().view({3, 3})).sum();
    }
    return sum;
  };
  loss().backward();
  for (const auto& item : network->named_parameters()) {
    CAPTURE(item.key());
    const at::NoGradGuard no_grad;
    const at::Tensor values = item.value().flatten();
    const std::int64_t element = values.numel() / 2;
    const double step = 1e-6;
    const double old = values[element].item<double>();
    values[element].fill_(old + step);
    const double above = loss().item<double>();
    values[element].fill_(old - step);
    const double below = loss().item<double>();
    values[element].fill_(old);
    CHECK(item.value().grad().flatten()[element].item<double>() ==
          Approx((above - below) / (2.0 * step)).epsilon(1e-5).margin(1e-8));
  }
}

TEST_CASE("dropout is drawn for an image, whatever its batch") {
  const auto network = golden(make_sequential(small()), at::kFloat);
  // Frozen statistics: rows meet in BatchNorm otherwise.
  network->eval();
  const State batch = images_of(4, 40, at::kFloat);
  const auto whole = test::all_exits(*network, batch,
                                     {.training = true, .seed = 1, .jet_index = {10, 11, 12, 13}});
  const auto plain = test::all_exits(*network, batch);
  const auto part = test::all_exits(*network, batch.select(std::vector<std::int64_t>{2}),
                                    {.training = true, .seed = 1, .jet_index = {12}});
  for (std::size_t k = 0; k < whole.size(); ++k) {
    CHECK(at::allclose(part[k][0], whole[k][2], 1e-5, 1e-5));
    CHECK(!at::allclose(plain[k], whole[k], 1e-3, 1e-3));
  }
}

TEST_CASE("a sequential network takes plain vectors, but one row a sample") {
  const at::NoGradGuard no_grad;
  const auto network = make_sequential({.features = 4,
                                        .classes = 2,
                                        .input = {4},
                                        .layers = {{LinearConfig{5}}, {ActivationConfig{}}},
                                        .classifier = {{LinearConfig{2}}}});
  network->eval();
  CHECK(network->exits() == 1);
  CHECK(test::all_exits(*network, images_of(3, 4, at::kFloat)).front().sizes() ==
        at::IntArrayRef({3, 2}));
  CHECK_THROWS_WITH(test::all_exits(*network, test::golden_batch(at::kFloat, 4)),
                    Catch::Contains("one row, such as images"));
}

TEST_CASE("layers that do not fit are named, with what they get") {
  const auto with = [](std::vector<LayerConfig> layers) {
    SequentialConfig config = small();
    config.layers = std::move(layers);
    config.exits_after = {};
    return make_sequential(config);
  };
  CHECK_THROWS_WITH(with({{LinearConfig{4}}}),
                    Catch::Contains("network.layers[0]: a linear layer takes vectors, but gets "
                                    "[2, 5, 4]; put a flatten before it"));
  CHECK_THROWS_WITH(with({{FlattenConfig{}}, {ConvConfig{.out = 4}}}),
                    Catch::Contains("network.layers[1]: a conv takes images, but gets [40]"));
  CHECK_THROWS_WITH(
      with({{PoolConfig{.size = 5}}}),
      Catch::Contains("network.layers[0]: a pool of 5 pixels does not fit [2, 5, 4]"));
  CHECK_THROWS_WITH(with({{ResidualConfig{.layers = {{ConvConfig{.out = 2}}}}}}),
                    Catch::Contains("its layers make [2, 3, 2] and its shortcut [2, 5, 4]"));
  CHECK_THROWS_WITH(with({{ResidualConfig{}}}), Catch::Contains("layers must not be empty"));
  CHECK_THROWS_WITH(with({{ConvConfig{}}}),
                    Catch::Contains("network.layers[0].out = 0 must lie between 1 and"));
  CHECK_THROWS_WITH(with({{DropoutConfig{.p = 1.0}}}), Catch::Contains("network.layers[0].p = 1"));
  const auto changed = [](const auto& change) {
    SequentialConfig config = small();
    change(config);
    return make_sequential(config);
  };
  CHECK_THROWS_WITH(changed([](auto& c) { c.exits_after = {13}; }),
                    Catch::Contains("network.layers - 1 = 12; found 13"));
  CHECK_THROWS_WITH(changed([](auto& c) { c.head = {{FlattenConfig{}}}; }),
                    Catch::Contains("exits.head must end with a linear layer whose out is the 3"));
  CHECK_THROWS_WITH(changed([](auto& c) { c.classes = 4; }),
                    Catch::Contains("must end with a linear layer whose out is the 4"));
  CHECK_THROWS_WITH(changed([](auto& c) { c.features = 41; }),
                    Catch::Contains("network.input = [2, 5, 4] has 40 numbers, a sample of the "
                                    "data 41"));
  CHECK_THROWS_WITH(changed([](auto& c) {
                      c.input = {40, 1};
                    }),
                    Catch::Contains("[channels, height, width] or [features]"));
}

TEST_CASE("descriptions of layers are read with every key, and mistakes have their line") {
  const auto build = [](const std::string& layers) {
    return make_network(parse_model_config("kind = 'sequential'\nclasses = 3\n[network]\n"
                                           "input = [2, 5, 4]\nlayers = [\n" +
                                               layers +
                                               "]\nclassifier = [{kind = 'flatten'}, "
                                               "{kind = 'linear', out = 3}]\n",
                                           "mine.toml"),
                        40);
  };
  const auto network = build(
      "{kind = 'conv', out = 4, kernel = 2, stride = 2, padding = 1, bias = false},\n"
      "{kind = 'residual', layers = [{kind = 'gelu'}], shortcut = [{kind = 'norm'}]},\n"
      "{kind = 'leaky_relu'}, {kind = 'dropout', p = 0.1}, {kind = 'max_pool', size = 3},\n"
      "{kind = 'mean_pool'}, {kind = 'relu'}\n");
  std::vector<std::string> names;
  for (const auto& item : network->named_parameters()) {
    names.push_back(item.key());
  }
  CHECK(names == std::vector<std::string>{"features.0.weight", "features.1.shortcut.0.weight",
                                          "features.1.shortcut.0.bias", "classifier.1.weight",
                                          "classifier.1.bias"});
  CHECK_THROWS_WITH(build("{kind = 'relu'},\n{kind = 'conv3d'}\n"),
                    Catch::Contains("unknown kind of layer 'conv3d' in mine.toml, line 7") &&
                        Catch::Contains("did you mean 'conv'?") &&
                        Catch::Contains("max_pool, mean_pool, flatten, dropout, residual"));
  CHECK_THROWS_WITH(
      build("{kind = 'norm', out = 3}\n"),
      Catch::Contains("unknown key of [network.layers[0]] 'out' in mine.toml, line 6"));
  CHECK_THROWS_WITH(build("{kind = 'residual', layers = [{kind = 'conv'}]}\n"),
                    Catch::Contains("network.layers[0].layers[0].out = 0"));
  CHECK_THROWS_WITH(build("{kind = 'conv', out = 'many'}\n"),
                    Catch::Contains("mine.toml, line 6: 'out' must be an integer"));
  CHECK_THROWS_WITH(build("'conv'\n"),
                    Catch::Contains("mine.toml, line 5: 'layers' must be a list of tables"));
}

TEST_CASE("a description stored as text builds the same network") {
  for (const char* name : {"vgg19", "resnet20"}) {
    const ModelConfig config = load_model_config(name);
    const ModelConfig again = parse_model_config(config.text(), "weights.h5");
    CHECK(network_sha256(again) == network_sha256(config));
    const auto shapes = [](const ModelConfig& c) {
      std::vector<std::string> all;
      for (const auto& item : make_network(c, 3072)->named_parameters()) {
        all.push_back(item.key() + c10::str(item.value().sizes()));
      }
      return all;
    };
    CHECK(shapes(again) == shapes(config));
  }
}

}  // namespace
}  // namespace eebench::model
