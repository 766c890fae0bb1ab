#include "eebench/model/pelican/pelican.hpp"

#include <cmath>
#include <map>
#include <utility>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/model/pelican/layers.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/nn/pairs.hpp"
#include "tests/model/golden.hpp"
#include "tests/model/pelican_textbook.hpp"
#include "tests/support/paths.hpp"

namespace eebench::model {
namespace {

/// Two events of 5 and 3 particles; the reference pads the second.
State golden_events(at::ScalarType type = at::kDouble) {
  std::vector<double> vectors;
  for (int b = 0; b < 2; ++b) {
    for (int i = 0; i < (b == 0 ? 5 : 3); ++i) {
      const double px = 2.0 * std::sin(1.0 + 3.0 * b + 2.0 * i);
      const double py = 1.5 * std::cos(2.0 + b + 3.0 * i);
      const double pz = 2.0 * std::sin(0.5 + 2.0 * b - i);
      const double m = 0.1 * (i + 1);
      const double energy = std::sqrt(m * m + px * px + py * py + pz * pz);
      vectors.insert(vectors.end(), {px, py, pz, energy});
    }
  }
  State state{nn::Ragged({0, 5, 8})};
  state.set("vectors", Axis::particle, at::tensor(vectors, at::kDouble).view({-1, 4}).to(type));
  return state;
}

/// Tensor t of the names, element j: 0.1 + 0.3 cos(0.7 j + 1.1 t); means 0.1 (c + 1), variances
/// 1 + 0.5 c.
void fill(Network& network, const std::vector<std::string>& names) {
  const at::NoGradGuard no_grad;
  network.to(at::kDouble);
  StateDict tensors = state_dict(network);
  std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
  for (std::size_t t = 0; t < names.size(); ++t) {
    CAPTURE(names[t]);
    const at::Tensor& tensor = by_name.at(names[t]);
    tensor.copy_((0.1 + 0.3 * at::cos(0.7 * at::arange(tensor.numel(), at::kDouble) +
                                      1.1 * static_cast<double>(t)))
                     .view(tensor.sizes()));
  }
  REQUIRE(network.parameters().size() == names.size());
  for (const auto& [name, tensor] : by_name) {
    const at::Tensor channel = at::arange(tensor.numel(), at::kDouble);
    if (name.ends_with("running_mean")) {
      tensor.copy_(0.1 * (channel + 1.0));
    } else if (name.ends_with("running_var")) {
      tensor.copy_(1.0 + 0.5 * channel);
    }
  }
  network.eval();
}

const std::string eq = "net2to2.eq_layers.0.";
const std::string bn1 = "net2to2.message_layers.0.normlayer.";
const std::string bn2 = "msg_2to0.normlayer.";
const std::string agg = "agg_2to0.";

std::vector<std::string> nano_names(bool batchnorm, bool powers) {
  std::vector<std::string> names;
  if (batchnorm) {
    names.insert(names.end(), {bn1 + "weight", bn1 + "bias"});
  }
  names.insert(names.end(), {eq + "coefs", eq + "bias", eq + "diag_bias"});
  if (powers) {
    names.push_back(eq + "alphas.0");
  }
  if (batchnorm) {
    names.insert(names.end(), {bn2 + "weight", bn2 + "bias"});
  }
  names.insert(names.end(), {agg + "coefs", agg + "bias"});
  if (powers) {
    names.push_back(agg + "alphas.0");
  }
  return names;
}

std::unique_ptr<Network> golden_nano(const std::string& letters, bool batchnorm,
                                     std::int64_t n_hidden = 2) {
  const bool powers = std::isupper(static_cast<unsigned char>(letters[0])) != 0;
  auto network = make_pelican_nano(
      {.n_hidden = n_hidden,
       .sums = {.config = letters.substr(0, 1), .config_out = letters.substr(1, 1)},
       .batchnorm = batchnorm});
  fill(*network, nano_names(batchnorm, powers));
  return network;
}

at::Tensor final_logits(Network& network, const State& batch, nn::Context context = {}) {
  return test::all_exits(network, batch, context).back();
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

double cross_entropy(const at::Tensor& logits) {
  return at::cross_entropy_loss(logits, at::tensor({0, 1}, at::kLong)).item<double>();
}

TEST_CASE("Lorentz products of the golden events") {
  const State batch = golden_events();
  at::Tensor beams = at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0}, at::kDouble);
  const at::Tensor vectors = at::cat({beams.view({2, 4}), batch.get("vectors").narrow(0, 0, 5)});
  const at::Tensor d = nn::lorentz_products(vectors, nn::Ragged({0, 7})).view({7, 7});
  CHECK(d.sum().item<double>() == Approx(109.228980664).epsilon(1e-11));
  const at::Tensor row = at::tensor({1.07863266209, 2.9963348165, 0.01, 2.96056931522,
                                     10.6931259892, 2.65254464684, 0.533150453082},
                                    at::kDouble);
  CHECK(largest_difference(d[2], row) < 1e-10);
}

struct GoldenNano {
  std::string letters;
  bool batchnorm;
  double w0, w1, loss;
};

TEST_CASE("PELICAN nano reproduces the reference in evaluation, whichever back end runs") {
  const at::NoGradGuard no_grad;
  const auto golden =
      GENERATE(GoldenNano{"ss", false, 0.00508324541430899, 0.00590479718041327, 0.692751581101842},
               GoldenNano{"ss", true, -0.153315390976811, -0.150445788183622, 0.703203169445435},
               GoldenNano{"SM", true, -0.192186863879831, -0.191797583896447, 0.711270938660754});
  const bool prepared = GENERATE(false, true);
  CAPTURE(golden.letters, golden.batchnorm, prepared);
  const auto network = golden_nano(golden.letters, golden.batchnorm);
  if (prepared) {
    network->prepare();
  }
  const at::Tensor logits = final_logits(*network, golden_events());
  const at::Tensor w = at::tensor({golden.w0, golden.w1}, at::kDouble);
  CHECK(largest_difference(logits.select(1, 1), w) < 1e-12);
  CHECK(largest_difference(logits.select(1, 0), -w) < 1e-12);
  CHECK(cross_entropy(logits) == Approx(golden.loss).epsilon(1e-12));
}

/// w of PELICAN nano with the largest in its layer and the smallest after it, without BatchNorm, as
/// the reference computes it of its batch padded to `slots` particles, beams included. Padded pairs
/// are zeros that take part.
at::Tensor padded_largest_and_smallest(Network& network, const State& batch, std::int64_t slots) {
  const auto of = [&](const std::string& name) { return network.named_parameters()[name]; };
  std::vector<at::Tensor> all;
  for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
    const std::int64_t n = batch.jets().multiplicity(jet);
    const at::Tensor beams =
        at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0}, at::kDouble).view({2, 4});
    const at::Tensor padding = at::zeros({slots - 2 - n, 4}, at::kDouble);
    const at::Tensor own =
        batch.get("vectors").narrow(0, batch.jets().offsets()[static_cast<std::size_t>(jet)], n);
    const at::Tensor p = at::cat({beams, own, padding});
    const at::Tensor product = p.unsqueeze(1) * p.unsqueeze(0);
    const at::Tensor d = 2 * product.select(2, 3) - product.sum(2);
    const double log_n = std::log(static_cast<double>(n + 2));

    const at::Tensor columns = d.amax(0) - log_n;
    const at::Tensor total = d.amax() - log_n;
    const at::Tensor square = at::zeros_like(d);
    const at::Tensor operations = at::stack(
        {d, at::diag_embed(columns), square + columns.unsqueeze(0), square + columns.unsqueeze(1),
         square + total, at::diag_embed(total.expand({slots}))});
    at::Tensor y = at::einsum("sb,bij->sij", {of(eq + "coefs")[0], operations}) +
                   of(eq + "bias").view({2, 1, 1}) +
                   at::eye(slots, at::kDouble) * of(eq + "diag_bias").view({2, 1, 1});
    y = at::relu(y);
    y.narrow(1, n + 2, slots - n - 2).zero_();
    y.narrow(2, n + 2, slots - n - 2).zero_();
    const at::Tensor sums = at::stack({y.amin({1, 2}), y.diagonal(0, 1, 2).amin(1)}, 1) + log_n;
    all.push_back((of(agg + "coefs").squeeze(1) * sums).sum() + of(agg + "bias").squeeze());
  }
  return at::stack(all);
}

TEST_CASE("the largest and smallest of PELICAN nano are the reference's in a padded batch") {
  const at::NoGradGuard no_grad;
  const auto network = golden_nano("xn", false);
  network->prepare();
  const at::Tensor w = final_logits(*network, golden_events()).select(1, 1);

  // The reference pads to its longest event, 7 with the beams, which so has no zeros.
  const at::Tensor golden = at::tensor({1.95568348807715, 0.15965744054233}, at::kDouble);
  const at::Tensor tight = padded_largest_and_smallest(*network, golden_events(), 7);
  CHECK(largest_difference(tight, golden) < 1e-12);
  CHECK(cross_entropy(at::stack({-tight, tight}, 1)) == Approx(2.23868183909901).epsilon(1e-12));
  CHECK(largest_difference(w[1], golden[1]) < 1e-12);

  // With any longer event beside them both have zeros, and eebench's answers whatever is beside.
  for (const std::int64_t slots : {8, 20}) {
    const at::Tensor padded = padded_largest_and_smallest(*network, golden_events(), slots);
    CHECK(largest_difference(w, padded) < 1e-12);
  }
  CHECK(std::abs(w[0].item<double>() - 1.95568348807715) > 1.0);
}

TEST_CASE(
    "a checkpoint of PELICAN nano's training is read, its optimiser and the rest passed over") {
  const at::NoGradGuard no_grad;
  const auto network = make_pelican_nano({});
  network->to(at::kDouble);
  network->eval();
  const auto path = test::data("pelican_nano.pt");
  load_state_dict(*network, read_weights(path).tensors, path.string());
  const at::Tensor w = final_logits(*network, golden_events()).select(1, 1);
  CHECK(largest_difference(w, at::tensor({-0.153315390976811, -0.150445788183622}, at::kDouble)) <
        1e-12);
}

TEST_CASE("PELICAN nano's gradients are the reference's") {
  const auto network = golden_nano("ss", false);
  const at::Tensor loss = at::cross_entropy_loss(final_logits(*network, golden_events()),
                                                 at::tensor({0, 1}, at::kLong));
  loss.backward();
  const auto sum = [&](const std::string& name) {
    return network->named_parameters()[name].grad().sum().item<double>();
  };
  CHECK(sum(eq + "coefs") == Approx(0.00592624441706).epsilon(1e-11));
  CHECK(sum(eq + "bias") == Approx(0.0065521874045).epsilon(1e-11));
  CHECK(sum(eq + "diag_bias") == Approx(0.00701749214981).epsilon(1e-11));
  CHECK(sum(agg + "coefs") == Approx(0.0171604337357).epsilon(1e-11));
  CHECK(sum(agg + "bias") == Approx(0.00549396509335).epsilon(1e-11));

  const at::NoGradGuard no_grad;
  nn::Context context;
  State state = network->segment(0, network->stem(golden_events(), context), context);
  const at::Tensor activations = state.get("x").sum(0);
  CHECK(activations[0].item<double>() == Approx(92.0987070244987).epsilon(1e-13));
  CHECK(activations[1].item<double>() == Approx(10.2687013211311).epsilon(1e-13));
}

TEST_CASE("PELICAN nano trains as the reference: statistics over all pairs of the batch") {
  const auto network = golden_nano("ss", true);
  network->train();
  nn::Context context;
  context.training = true;
  context.jet_index = {0, 1};
  const at::Tensor logits = final_logits(*network, golden_events(), context);
  CHECK(logits[0][1].item<double>() == Approx(-0.152013585027997).epsilon(1e-12));
  CHECK(logits[1][1].item<double>() == Approx(-0.149715924123861).epsilon(1e-12));
  const at::Tensor loss = at::cross_entropy_loss(logits, at::tensor({0, 1}, at::kLong));
  CHECK(loss.item<double>() == Approx(0.703336173722229).epsilon(1e-12));
  loss.backward();
  const auto sum = [&](const std::string& name) {
    return network->named_parameters()[name].grad().sum().item<double>();
  };
  CHECK(sum(bn1 + "weight") == Approx(0.000682595528576).epsilon(1e-9));
  CHECK(sum(bn1 + "bias") == Approx(-0.000380381997094).epsilon(1e-9));
  CHECK(sum(eq + "coefs") == Approx(0.000617933731392).epsilon(1e-9));
  CHECK(sum(agg + "coefs") == Approx(0.00253164320593).epsilon(1e-9));
  CHECK(sum(agg + "bias") == Approx(-0.149730317147).epsilon(1e-9));
  const auto buffer = [&](const std::string& name, std::int64_t channel) {
    return network->named_buffers()[name][channel].item<double>();
  };
  CHECK(buffer(bn1 + "running_mean", 0) == Approx(0.335496611225233).epsilon(1e-12));
  CHECK(buffer(bn1 + "running_var", 0) == Approx(1.5034102976316).epsilon(1e-12));
  CHECK(buffer(bn2 + "running_mean", 0) == Approx(0.09).epsilon(1e-12));
  CHECK(buffer(bn2 + "running_mean", 1) == Approx(0.187164007648409).epsilon(1e-12));
  CHECK(buffer(bn2 + "running_var", 0) == Approx(0.9).epsilon(1e-12));
  CHECK(buffer(bn2 + "running_var", 1) == Approx(1.35131919370548).epsilon(1e-12));
}

/// Events of the reference's other golden case, to about its own precision.
TEST_CASE("PELICAN nano with coefficients of a training") {
  const at::NoGradGuard no_grad;
  const auto network = make_pelican_nano({.n_hidden = 2, .batchnorm = false});
  network->to(at::kDouble);
  network->eval();
  const auto set = [&](const std::string& name, std::vector<double> values) {
    at::Tensor tensor = network->named_parameters()[name];
    tensor.copy_(at::tensor(values, at::kDouble).view(tensor.sizes()));
  };
  set(eq + "coefs",
      {.8896945119, -.1694112569, -1.2579246759, .3281839490, -.6261492372, -.8074794412,
       .2328724116, .4838347435, -.4152635634, -.2328704894, -.3444675803, .1050988138});
  set(eq + "bias", {0, 0});
  set(eq + "diag_bias", {0, 0});
  set(agg + "coefs", {-.8566746116, 1.1006041765, -1.0711873770, .1227012426});
  set(agg + "bias", {0});
  const std::vector<double> energies_first{
      2.81192827,  1.92691529,  1.48728406,   .900717199,  3.54356194,  -2.10552096, .678418458,
      -1.23454487, 2.51673079,  -.0430674776, -1.60466695, -.752135277, 3.0076611,   1.64872301,
      -.392478645, -1.40360713, 1.95558071,   -.727881312, -.559430182, -.768838882, 2.40899277,
      .76244539,   1.64231694,  -.159597471,  1.72773314,  -.497397542, .439589262,  .31888032,
      1.1794492,   -.424518973, .305720925,   -.774592519, 2.23788881,  .0349123441, .321103007,
      1.57360017,  2.874928,    -.845467448,  -1.27415121, 2.12278509,  2.69668007,  -1.23465312,
      -.487913877, -1.41805995, 2.86579919,   .896268308,  .0499053858, 2.26671791};
  const at::Tensor vectors = at::tensor(energies_first, at::kDouble).view({12, 4}).roll(-1, 1);
  State batch{nn::Ragged({0, 6, 12})};
  batch.set("vectors", Axis::particle, vectors);
  const at::Tensor w = final_logits(*network, batch).select(1, 1);
  CHECK(w[0].item<double>() == Approx(0.138884172).margin(1e-7));
  CHECK(w[1].item<double>() == Approx(0.0754587799).margin(1e-7));
}

TEST_CASE("PELICAN nano has the published number of parameters") {
  const std::int64_t h = GENERATE(1, 2, 3, 10);
  const bool batchnorm = GENERATE(false, true);
  const auto network = make_pelican_nano({.n_hidden = h, .batchnorm = batchnorm});
  std::int64_t parameters = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    parameters += parameter.numel();
  }
  CHECK(parameters == (batchnorm ? 12 * h + 3 : 10 * h + 1));
  network->eval();
  for (const bool prepared : {false, true}) {
    if (prepared) {
      network->prepare();
    }
    CHECK(network->stem_cost(40).parameters + network->segment_cost(0, 40).parameters +
              network->head_cost(0, 40).parameters ==
          parameters);
  }
}

/// Jets as real ones: of these multiplicities, hundreds of GeV, light constituents.
State light_jets(const std::vector<std::int64_t>& multiplicities, at::ScalarType type) {
  std::vector<std::int64_t> offsets{0};
  std::vector<double> vectors;
  for (const std::int64_t n : multiplicities) {
    offsets.push_back(offsets.back() + n);
    for (std::int64_t i = 0; i < n; ++i) {
      const double p = static_cast<double>(i + 7 * n);
      const double pt = 80.0 * std::exp(-0.06 * static_cast<double>(i)) + 0.7;
      const double eta = 0.7 + 0.3 * std::sin(0.7 * p);
      const double phi = 2.1 + 0.3 * std::cos(1.1 * p);
      const double mass = i % 3 == 0 ? 0.0 : 0.14;
      const double px = pt * std::cos(phi);
      const double py = pt * std::sin(phi);
      const double pz = pt * std::sinh(eta);
      vectors.insert(vectors.end(),
                     {px, py, pz, std::sqrt(px * px + py * py + pz * pz + mass * mass)});
    }
  }
  State state{nn::Ragged(offsets)};
  state.set("vectors", Axis::particle, at::tensor(vectors, at::kDouble).view({-1, 4}).to(type));
  return state;
}

/// A network as a training leaves it: its BatchNorm has seen these jets.
template <class Make>
std::unique_ptr<Network> with_statistics(const Make& make, at::ScalarType type) {
  at::manual_seed(3);
  auto network = make();
  network->to(at::kDouble);
  network->train();
  nn::Context context;
  context.training = true;
  context.jet_index = {0, 1, 2};
  {
    const at::NoGradGuard no_grad;
    for (int step = 0; step < 15; ++step) {
      test::all_exits(*network, light_jets({10, 20, 40}, at::kDouble), context);
    }
    for (const auto& item : network->named_parameters()) {
      if (item.key().ends_with("bias")) {
        item.value().uniform_(-0.3, 0.3);
      }
    }
  }
  network->to(type);
  network->eval();
  return network;
}

TEST_CASE("the fused pass agrees with the layers on pairs") {
  const at::NoGradGuard no_grad;
  const std::string letters = GENERATE("ss", "mm", "SM", "MS");
  const std::int64_t h = GENERATE(1, 2, 3, 6);
  const at::ScalarType type = GENERATE(at::kDouble, at::kFloat);
  const auto network = with_statistics(
      [&] {
        return make_pelican_nano(
            {.n_hidden = h,
             .nobj = 60,
             .sums = {.config = letters.substr(0, 1), .config_out = letters.substr(1, 1)}});
      },
      type);
  const State batch = light_jets({1, 13, 14, 15, 16, 30, 60, 128}, type);
  const at::Tensor pairs = final_logits(*network, batch);
  network->prepare();
  const at::Tensor fused = final_logits(*network, batch);
  CAPTURE(letters, h, type, pairs, fused);
  CHECK(pairs.abs().max().item<double>() > 0.05);
  CHECK(largest_difference(pairs, fused) < (type == at::kDouble ? 1e-12 : 1e-6));
}

nn::Work formula(const Network& network, const State& batch) {
  nn::Work total;
  for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
    const std::int64_t n = batch.jets().multiplicity(jet);
    total += network.stem_cost(n).work;
    for (std::int64_t k = 0; k < network.exits(); ++k) {
      total += network.segment_cost(k, n).work + network.head_cost(k, n).work;
    }
  }
  return total;
}

void check_counted(Network& network, const State& batch) {
  const at::NoGradGuard no_grad;
  const nn::WorkScope scope;
  test::all_exits(network, batch);
  const nn::Work expected = formula(network, batch);
  CHECK(scope.work().multiply_adds == expected.multiply_adds);
  CHECK(scope.work().elementwise == expected.elementwise);
  CHECK(scope.work().bytes == expected.bytes);
}

TEST_CASE("PELICAN nano's cost model equals the work that operations counted") {
  const std::string letters = GENERATE("ss", "SM", "xn");
  const auto network = make_pelican_nano(
      {.n_hidden = 3,
       .nobj = 30,
       .sums = {.config = letters.substr(0, 1), .config_out = letters.substr(1, 1)}});
  network->eval();
  check_counted(*network, light_jets({1, 20, 45}, at::kFloat));
  network->prepare();
  check_counted(*network, light_jets({1, 20, 45}, at::kFloat));
}

TEST_CASE("the fused pass of PELICAN nano costs what the literature says a pair costs") {
  // N^2 (4 + h) products, where the layers take N^2 (5 + 7 h) of them.
  const auto network = make_pelican_nano({.n_hidden = 2});
  network->eval();
  network->prepare();
  const std::int64_t n = 82;
  const auto multiply_adds = network->segment_cost(0, 80).work.multiply_adds;
  CHECK(multiply_adds >= n * n * 6);
  CHECK(multiply_adds < n * n * 6 + 11 * n);
}

State one_jet(const at::Tensor& vectors) {
  State state{nn::Ragged({0, vectors.size(0)})};
  state.set("vectors", Axis::particle, vectors);
  return state;
}

/// The networks whose symmetries are tested, in float64.
std::vector<std::unique_ptr<Network>> symmetric_networks(bool beams) {
  std::vector<std::unique_ptr<Network>> networks;
  for (const bool prepared : {false, true}) {
    networks.push_back(with_statistics(
        [&] { return make_pelican_nano({.n_hidden = 3, .beams = beams}); }, at::kDouble));
    if (prepared) {
      networks.back()->prepare();
    }
  }
  networks.push_back(with_statistics(
      [&] {
        PelicanConfig config{.stabilizer = "so13",
                             .m_channels = {6, 5},
                             .channels_2to2 = {4, 3},
                             .m_out = {4, 3},
                             .out = 4};
        return make_pelican(config);
      },
      at::kDouble));
  return networks;
}

TEST_CASE("the order of a jet's constituents does not matter to PELICAN") {
  const at::NoGradGuard no_grad;
  for (const auto& network : symmetric_networks(true)) {
    const at::Tensor vectors = light_jets({45}, at::kDouble).get("vectors");
    const at::Tensor order = at::randperm(45);
    const at::Tensor before = final_logits(*network, one_jet(vectors));
    const at::Tensor after = final_logits(*network, one_jet(vectors.index_select(0, order)));
    CHECK(largest_difference(before, after) < 1e-12 * before.abs().max().item<double>());
  }
}

/// A boost by beta along a direction and a turn about another: [4, 4] on (px, py, pz, E).
at::Tensor lorentz_transformation(double beta) {
  const at::Tensor n = at::tensor({0.6, 0.0, 0.8}, at::kDouble);
  const double gamma = 1.0 / std::sqrt(1.0 - beta * beta);
  at::Tensor boost = at::eye(4, at::kDouble);
  boost.narrow(0, 0, 3).narrow(1, 0, 3).add_((gamma - 1.0) * at::outer(n, n));
  boost.narrow(0, 0, 3).select(1, 3).copy_(gamma * beta * n);
  boost.select(0, 3).narrow(0, 0, 3).copy_(gamma * beta * n);
  boost[3][3] = gamma;
  at::Tensor turn = at::eye(4, at::kDouble);
  turn[0][0] = turn[1][1] = std::cos(0.8);
  turn[0][1] = -std::sin(0.8);
  turn[1][0] = std::sin(0.8);
  return at::mm(boost, turn);
}

TEST_CASE("Lorentz transformations of constituents and beams together change nothing") {
  const at::NoGradGuard no_grad;
  const at::Tensor beams =
      at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0}, at::kDouble).view({2, 4});
  for (const auto& network : symmetric_networks(false)) {
    const at::Tensor vectors = at::cat({beams, light_jets({45}, at::kDouble).get("vectors")});
    const at::Tensor before = final_logits(*network, one_jet(vectors));
    for (const double beta : {0.1, 0.5, 0.9}) {
      const at::Tensor moved = at::mm(vectors, lorentz_transformation(beta).t());
      const at::Tensor after = final_logits(*network, one_jet(moved));
      CAPTURE(beta, before, after);
      CHECK(largest_difference(before, after) < 1e-10 * before.abs().max().item<double>());
      // Without the beams, something does change.
      const at::Tensor constituents = at::cat({beams, moved.narrow(0, 2, 45)});
      CHECK(largest_difference(before, final_logits(*network, one_jet(constituents))) >
            1e-6 * before.abs().max().item<double>());
    }
  }
}

TEST_CASE("what else is in a batch does not matter to PELICAN") {
  const at::NoGradGuard no_grad;
  for (const auto& network : symmetric_networks(true)) {
    const State batch = light_jets({1, 20, 45, 46, 80, 20}, at::kDouble);
    const at::Tensor together = final_logits(*network, batch);
    for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
      const std::vector<std::int64_t> own{jet};
      CHECK(largest_difference(together[jet], final_logits(*network, batch.select(own))[0]) <
            1e-12);
    }
  }
}

TEST_CASE("in float32 PELICAN nano answers bit by bit whatever is in the batch") {
  const at::NoGradGuard no_grad;
  const std::string letters = GENERATE("sS", "Mm", "xn");
  const auto network = with_statistics(
      [&] {
        return make_pelican_nano(
            {.sums = {.config = letters.substr(0, 1), .config_out = letters.substr(1, 1)}});
      },
      at::kFloat);
  nn::Context context;
  context.deterministic = true;
  const State batch = light_jets({1, 20, 45, 46, 80, 20}, at::kFloat);
  for (const bool prepared : {false, true}) {
    if (prepared) {
      network->prepare();
    }
    const at::Tensor together = final_logits(*network, batch, context);
    for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
      const State alone = batch.select(std::vector<std::int64_t>{jet});
      CHECK(largest_difference(together[jet], final_logits(*network, alone, context)[0]) == 0.0);
    }
  }
}

TEST_CASE("soft and split constituents") {
  // As the reference tests itself: two particles along one direction stand first. Soft: one more of
  // momentum alpha. Collinear: half of the momentum moves from one of the two to the other.
  const at::NoGradGuard no_grad;
  const at::Tensor pair =
      at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0}, at::kDouble).view({2, 4});
  const at::Tensor hard = at::cat({pair, light_jets({45}, at::kDouble).get("vectors")});
  const at::Tensor soft = light_jets({1}, at::kDouble).get("vectors") / 100.0;
  at::Tensor split = hard.clone();
  split[0] *= 1.5;
  split[1] *= 0.5;
  const auto network = with_statistics([] { return make_pelican_nano({}); }, at::kDouble);
  const auto relative = [&](const at::Tensor& changed) {
    const at::Tensor before = final_logits(*network, one_jet(hard));
    return largest_difference(before, final_logits(*network, one_jet(changed))) /
           before.abs().max().item<double>();
  };
  const auto with_soft = [&](double alpha) { return at::cat({hard, alpha * soft}); };
  // One more particle is seen however soft it is: biases and BatchNorm's shifts count particles.
  const double limit = relative(with_soft(0.0));
  CHECK(limit > 1e-3);
  CHECK(relative(with_soft(1e-3)) == Approx(limit).epsilon(1e-2));
  CHECK(relative(split) > 1e-8);
  CHECK(relative(split) < limit);

  // What is linear in every momentum is safe: x_ij and delta_ij C_i without biases and BatchNorm.
  const auto safe = make_pelican_nano({.beams = false, .batchnorm = false});
  safe->to(at::kDouble);
  safe->eval();
  auto parameters = safe->named_parameters();
  parameters[eq + "coefs"].narrow(2, 2, 4).zero_();
  const at::Tensor before = final_logits(*safe, one_jet(hard));
  const double scale = before.abs().max().item<double>();
  REQUIRE(scale > 1e-3);
  const auto moved = [&](const at::Tensor& changed) {
    return largest_difference(before, final_logits(*safe, one_jet(changed))) / scale;
  };
  CHECK(moved(with_soft(0.0)) < 1e-13);
  CHECK(moved(with_soft(1e-6)) < 1e-6);
  CHECK(moved(split) < 1e-13);
  at::Tensor merged = hard.narrow(0, 1, 46).clone();
  merged[0] *= 2.0;
  CHECK(moved(merged) < 1e-13);
}

const PelicanConfig tiny{
    .scalar_channels = 2, .m_channels = {5, 5}, .channels_2to2 = {3, 3}, .m_out = {5, 3}, .out = 4};

std::vector<std::string> pelican_names(bool spurions) {
  std::vector<std::string> names{"linear.bias", "linear.weight", "input_encoder.rank2_alphas"};
  const auto add = [&](const std::string& where, const std::vector<std::string>& own) {
    for (const std::string& name : own) {
      names.push_back(where + name);
    }
  };
  const std::vector<std::string> message{"linear.0.weight", "linear.0.bias", "normlayer.weight",
                                         "normlayer.bias"};
  add("net2to2.message_layers.0.", message);
  add("net2to2.message_layers.1.", message);
  for (const std::string layer : {"net2to2.eq_layers.0.", "net2to2.eq_layers.1."}) {
    add(layer, {"coefs00", "coefs01", "coefs10", "coefs11", "bias", "diag_bias", "alphas.0"});
  }
  add("msg_2to0.", message);
  add("agg_2to0.", {"coefs", "bias", "alphas.0"});
  add("mlp_out.linear.0.", {"weight", "bias"});
  if (spurions) {
    add("eq1to2.", {"coefs", "bias", "alphas.0"});
  }
  return names;
}

std::int64_t count_parameters(const Network& network) {
  std::int64_t count = 0;
  for (const at::Tensor& parameter : network.parameters()) {
    count += parameter.numel();
  }
  return count;
}

struct GoldenPelican {
  std::string stabilizer;
  std::string method;
  std::vector<double> logits;  ///< [2, 2]
  double inputs, pairs, embedding;
};

TEST_CASE("PELICAN reproduces the reference") {
  const at::NoGradGuard no_grad;
  const auto golden = GENERATE(
      GoldenPelican{
          "so2",
          "spurions",
          {-0.000985833874114827, 0.62929325055795, -0.000968601018691061, 0.628499927656076},
          163.599337673213,
          180.004806663181,
          0.621511760839556},
      GoldenPelican{
          "so13",
          "input",
          {-0.000968543450033964, 0.628490625893175, -0.000955939728993152, 0.630149065031502},
          -0.688849492889685,
          86.4738713656165,
          0.643495533149637},
      GoldenPelican{
          "so2",
          "input",
          {-0.000968557122866668, 0.628493472430254, -0.000955951387667512, 0.630151795999654},
          46.1914802607802,
          86.4794221754619,
          0.643505600695967});
  CAPTURE(golden.stabilizer, golden.method);
  PelicanConfig config = tiny;
  config.stabilizer = golden.stabilizer;
  config.method = golden.method;
  const auto network = make_pelican(config);
  fill(*network, pelican_names(golden.method == "spurions"));
  if (golden.method == "spurions") {
    CHECK(count_parameters(*network) == 552);
  }
  nn::Context context;
  State state = network->stem(golden_events(), context);
  // The reference divides (1 + |x|)^g - 1 by g, as small as 4e-4, and loses as many digits.
  CHECK(state.get("x").sum().item<double>() == Approx(golden.inputs).epsilon(1e-13).margin(1e-11));
  state = network->segment(0, state, context);
  CHECK(state.get("x").sum().item<double>() == Approx(golden.pairs).epsilon(1e-13));
  const HeadOutput output = network->head(0, state, context);
  CHECK(output.embedding.sum().item<double>() == Approx(golden.embedding).epsilon(1e-13));
  CHECK(largest_difference(output.logits, at::tensor(golden.logits, at::kDouble).view({2, 2})) <
        1e-13);
}

TEST_CASE("PELICAN has the published numbers of parameters") {
  struct Row {
    std::int64_t scalars, m, pairs;
    std::int64_t spurions, input, plain;
  };
  const Row row =
      GENERATE(Row{7, 11, 7, 3510, 3426, 7165}, Row{10, 16, 10, 5933, 5820, 14383},
               Row{10, 25, 15, 11347, 11252, 32722}, Row{10, 42, 25, 26494, 26433, 89719},
               Row{10, 60, 35, 48482, 48457, 177857}, Row{10, 132, 78, 208797, 208916, 862287},
               Row{30, 186, 110, 401563, 401530, 1709263});
  PelicanConfig config{.scalar_channels = row.scalars,
                       .m_channels = std::vector<std::int64_t>(5, row.m),
                       .channels_2to2 = std::vector<std::int64_t>(5, row.pairs),
                       .m_out = {row.m, row.pairs},
                       .out = row.m};
  CHECK(count_parameters(*make_pelican(config)) == row.spurions);
  config.method = "input";
  CHECK(count_parameters(*make_pelican(config)) == row.input);
  config.method = "spurions";
  config.factorize = false;
  CHECK(count_parameters(*make_pelican(config)) == row.plain);
}

TEST_CASE("PELICAN's blocks and exits cost what their formulas say") {
  const auto network = make_pelican({.exits_after = {1, 2, 3, 4}});
  constexpr std::int64_t n = 82;
  Cost all = network->stem_cost(80);
  for (std::int64_t k = 0; k < 5; ++k) {
    const Cost segment = network->segment_cost(k, 80);
    const Cost head = network->head_cost(k, 80);
    CHECK(segment.parameters == 8300);
    CHECK(head.parameters == 6657);
    // A linear layer and both orders of a pair, not fifteen operations; the rest is on particles.
    CHECK(segment.work.multiply_adds == n * n * 6300 + n * 13 * 2100);
    CHECK(head.work.multiply_adds == n * n * 2100 + 4200 + 120);
    all.parameters += segment.parameters + head.parameters;
  }
  CHECK(all.parameters == count_parameters(*network));
}

TEST_CASE("a layer of PELICAN is what its fifteen operations on pairs make") {
  const at::NoGradGuard no_grad;
  at::manual_seed(5);
  const std::string letter = GENERATE("s", "m");
  const bool factorize = GENERATE(false, true);
  constexpr double nobj_avg = 30.0;
  pelican::Equivariant layer(
      pelican::EquivariantOptions{.operations = pelican::pairs_to_pairs(),
                                  .in = 3,
                                  .out = 4,
                                  .aggregation = pelican::aggregation("config", letter, nobj_avg),
                                  .activation = nn::Activation::none,
                                  .factorize = factorize});
  layer->to(at::kDouble);
  layer->bias.uniform_(-1, 1);
  layer->diag_bias.uniform_(-1, 1);
  const nn::Ragged jets({0, 1, 8, 20});
  const at::Tensor x = at::randn({jets.pairs(), 3}, at::kDouble);
  const at::Tensor y = layer->forward(x, jets, {});
  for (std::int64_t jet = 0; jet < 3; ++jet) {
    const std::int64_t n = jets.multiplicity(jet);
    const std::int64_t first = jets.pair_offsets()[static_cast<std::size_t>(jet)];
    const double one = letter == "s" ? nobj_avg : static_cast<double>(n);
    const at::Tensor square =
        x.narrow(0, first, n * n).view({1, n, n, 3}).permute({0, 3, 1, 2}).contiguous();
    const at::Tensor expected =
        test::textbook_mixing(test::textbook_operations(square, 1.0 / one, 1.0 / (one * one)),
                              layer->coefficients(), layer->bias, layer->diag_bias);
    CHECK(largest_difference(y.narrow(0, first, n * n), expected.view({n * n, 4})) < 1e-12);
  }
}

TEST_CASE("PELICAN nano is what its operations on padded pairs make") {
  const at::NoGradGuard no_grad;
  const auto network = with_statistics([] { return make_pelican_nano({}); }, at::kDouble);
  const std::vector<std::int64_t> multiplicities{20, 45, 80};
  const State batch = light_jets(multiplicities, at::kDouble);
  const at::Tensor beams =
      at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0}, at::kDouble).view({2, 4});
  const at::Tensor vectors = at::zeros({3, 82, 4}, at::kDouble);
  const at::Tensor mask = at::zeros({3, 82}, at::kBool);
  for (std::int64_t jet = 0; jet < 3; ++jet) {
    const std::int64_t n = multiplicities[static_cast<std::size_t>(jet)];
    const std::int64_t first = batch.jets().offsets()[static_cast<std::size_t>(jet)];
    vectors[jet].narrow(0, 0, 2).copy_(beams);
    vectors[jet].narrow(0, 2, n).copy_(batch.get("vectors").narrow(0, first, n));
    mask[jet].narrow(0, 0, n + 2).fill_(true);
  }
  const StateDict tensors = state_dict(*network);
  const at::Tensor expected =
      test::textbook_nano({tensors.begin(), tensors.end()}, vectors, mask, 49.0);
  const at::Tensor logits = final_logits(*network, batch);
  CHECK(largest_difference(logits.select(1, 1), expected) <
        1e-12 * expected.abs().max().item<double>());
}

const PelicanConfig small{.scalar_channels = 3,
                          .m_channels = {8, 7, 6},
                          .channels_2to2 = {5, 4, 5},
                          .m_out = {8, 5},
                          .out = 6,
                          .exits_after = {1, 2}};

TEST_CASE("PELICAN's cost model equals the work that operations counted") {
  PelicanConfig config = small;
  const auto [stabilizer, method] =
      GENERATE(std::pair{"so2", "spurions"}, std::pair{"so2", "input"}, std::pair{"1", "input"},
               std::pair{"so13", "spurions"});
  config.stabilizer = stabilizer;
  config.method = method;
  config.sums.config = GENERATE("s", "M", "X");
  config.nobj = 30;
  const auto network = make_pelican(config);
  network->eval();
  check_counted(*network, light_jets({1, 20, 45}, at::kFloat));
  network->prepare();
  check_counted(*network, light_jets({1, 20, 45}, at::kFloat));
}

TEST_CASE("preparing PELICAN changes rounding only, in float32 as in float64") {
  const at::NoGradGuard no_grad;
  const auto exact = with_statistics([] { return make_pelican(small); }, at::kDouble);
  const auto network = with_statistics([] { return make_pelican(small); }, at::kFloat);
  const State batch = light_jets({1, 20, 45, 80}, at::kFloat);
  const auto before = test::all_exits(*network, batch);
  network->prepare();
  const auto after = test::all_exits(*network, batch);
  const auto reference = test::all_exits(*exact, batch.to(at::kCPU, at::kDouble));
  for (std::size_t k = 0; k < before.size(); ++k) {
    CHECK(largest_difference(before[k], after[k]) == 0.0);
    CHECK(at::allclose(after[k].to(at::kDouble), reference[k], 1e-3, 1e-4));
  }
}

TEST_CASE("jets that go on alone give PELICAN's answers of the whole batch, bit by bit") {
  const at::NoGradGuard no_grad;
  const auto network = with_statistics([] { return make_pelican(small); }, at::kFloat);
  network->prepare();
  const State batch = light_jets({20, 45, 80, 3}, at::kFloat);
  nn::Context context;
  context.deterministic = true;
  const auto whole = test::all_exits(*network, batch, context);
  State state = network->segment(0, network->stem(batch, context), context);
  state = State::unpack(state.select(std::vector<std::int64_t>{3, 1}).pack());
  state = network->segment(1, state, context);
  state = network->segment(2, state, context);
  const at::Tensor logits = network->head(2, state, context).logits;
  CHECK(largest_difference(logits[0], whole[2][3]) == 0.0);
  CHECK(largest_difference(logits[1], whole[2][1]) == 0.0);
}

TEST_CASE("gradients of PELICAN agree with finite differences") {
  PelicanConfig config = small;
  config.dropout = 0.1;
  config.dropout_out = 0.1;
  config.sums.config = GENERATE("M", "X");
  const auto network = make_pelican(config);
  network->to(at::kDouble);
  network->train();
  nn::Context context;
  context.training = true;
  context.jet_index = {0, 1};
  const State batch = golden_events();
  const auto loss = [&] {
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (const at::Tensor& logits : test::all_exits(*network, batch, context)) {
      sum = sum + logits.square().sum();
    }
    return sum;
  };
  loss().backward();
  for (const std::string name :
       {"linear.weight", "input_encoder.rank2_alphas", "eq1to2.coefs", "eq1to2.alphas.0",
        "net2to2.message_layers.1.linear.0.weight", "net2to2.eq_layers.0.coefs00",
        "net2to2.eq_layers.1.coefs11", "net2to2.eq_layers.1.alphas.0",
        "net2to2.eq_layers.2.diag_bias", "exits.0.agg_2to0.coefs", "agg_2to0.alphas.0",
        "mlp_out.linear.0.weight"}) {
    CAPTURE(name, config.sums.config);
    at::Tensor weight = network->named_parameters()[name];
    const std::int64_t element = weight.numel() / 2;
    const double slope = weight.grad().view({-1})[element].item<double>();
    const at::NoGradGuard no_grad;
    constexpr double step = 1e-6;
    at::Tensor number = weight.view({-1})[element];
    number += step;
    const double above = loss().item<double>();
    number -= 2 * step;
    const double below = loss().item<double>();
    number += step;
    CHECK(slope == Approx((above - below) / (2 * step)).epsilon(1e-4).margin(1e-8));
  }
}

TEST_CASE("a turn about the beams is all that PELICAN's so2 forgives") {
  const at::NoGradGuard no_grad;
  const std::string method = GENERATE("spurions", "input");
  PelicanConfig config = small;
  config.method = method;
  const auto network = with_statistics(
      [&] {
        auto made = make_pelican(config);
        const at::NoGradGuard guard;  // or products of components would not be looked at
        made->named_parameters()["linear.weight"].add_(0.3);
        return made;
      },
      at::kDouble);
  const at::Tensor vectors = light_jets({45}, at::kDouble).get("vectors");
  const at::Tensor turn = at::mm(lorentz_transformation(0.0), at::eye(4, at::kDouble));
  const auto before = test::all_exits(*network, one_jet(vectors));
  const auto turned = test::all_exits(*network, one_jet(at::mm(vectors, turn.t())));
  const auto boosted =
      test::all_exits(*network, one_jet(at::mm(vectors, lorentz_transformation(0.5).t())));
  for (std::size_t k = 0; k < before.size(); ++k) {
    const double scale = before[k].abs().max().item<double>();
    CHECK(largest_difference(before[k], turned[k]) < 1e-10 * scale);
    CHECK(largest_difference(before[k], boosted[k]) > 1e-6 * scale);
  }
}

TEST_CASE("dropout of PELICAN depends on the jet, not on the batch") {
  const at::NoGradGuard no_grad;
  PelicanConfig config = small;
  config.batchnorm = false;
  config.dropout = 0.5;
  config.dropout_out = 0.5;
  const auto network = make_pelican(config);
  network->to(at::kDouble);
  network->train();
  const State batch = golden_events();
  nn::Context context;
  context.training = true;
  context.jet_index = {7, 9};
  const at::Tensor together = final_logits(*network, batch, context);
  context.jet_index = {9};
  const at::Tensor alone =
      final_logits(*network, batch.select(std::vector<std::int64_t>{1}), context);
  CHECK(largest_difference(together[1], alone[0]) < 1e-12);
  context.jet_index = {8};
  CHECK(largest_difference(alone, final_logits(*network, batch.select(std::vector<std::int64_t>{1}),
                                               context)) > 1e-6);
}

TEST_CASE("impossible PELICAN configurations are refused") {
  const auto nano = [](const std::string& text) {
    return make_network(parse_model_config("kind = 'pelican-nano'\n" + text, "test"), 7);
  };
  CHECK_NOTHROW(nano("classes = 2"));
  CHECK_THROWS_WITH(nano("classes = 10"), Catch::Contains("set classes = 2"));
  CHECK_THROWS_WITH(nano("classes = 2\n[exits]\nafter = [1]"),
                    Catch::Contains("a single layer") && Catch::Contains("remove exits.after"));
  CHECK_THROWS_WITH(nano("classes = 2\n[network]\nconfig = 'sM'"),
                    Catch::Contains("network.config = 'sM' must be one letter of s, m"));
  CHECK_THROWS_WITH(nano("classes = 2\n[network]\nn_hidden = 0"),
                    Catch::Contains("network.n_hidden = 0"));
  const auto pelican = [](const std::string& text) {
    return make_network(parse_model_config("kind = 'pelican'\n" + text, "test"), 7);
  };
  CHECK(pelican("classes = 10")->classes() == 10);
  CHECK_THROWS_WITH(pelican("[exits]\nafter = [5]"), Catch::Contains("exits.after must rise"));
  CHECK_THROWS_WITH(pelican("[network]\nstabilizer = 'so4'"),
                    Catch::Contains("unknown network.stabilizer 'so4'") && Catch::Contains("so12"));
  CHECK_THROWS_WITH(pelican("[network]\nmethod = 'inputs'"),
                    Catch::Contains("did you mean 'input'"));
  CHECK_THROWS_WITH(pelican("[network]\nscalar_channels = 60"),
                    Catch::Contains("must leave some of the 60"));
  CHECK_THROWS_WITH(pelican("[network]\nm_channels = [60, 60]"),
                    Catch::Contains("the channels of the same blocks"));
  CHECK_THROWS_WITH(pelican("[network]\nconfig_out = 'q'"),
                    Catch::Contains("network.config_out = 'q'"));
}

}  // namespace
}  // namespace eebench::model
