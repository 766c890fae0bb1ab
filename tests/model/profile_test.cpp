#include "eebench/model/profile.hpp"

#include <array>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "eebench/model/registry.hpp"

namespace eebench::model {
namespace {

/// A network of two exits that is nothing but its cost.
class Priced final : public Network {
 public:
  std::int64_t exits() const override { return 2; }
  std::int64_t classes() const override { return 10; }
  State stem(const State&, nn::Context&) override { throw std::logic_error("not to be run"); }
  State segment(std::int64_t, const State&, nn::Context&) override {
    throw std::logic_error("not to be run");
  }
  HeadOutput head(std::int64_t, const State&, nn::Context&) override {
    throw std::logic_error("not to be run");
  }
  Cost stem_cost(std::int64_t n) const override { return cost(n, 1, 7, 40); }
  Cost segment_cost(std::int64_t k, std::int64_t n) const override {
    return cost(n * n, k + 2, 20 + k, 100 * (k + 1));
  }
  Cost head_cost(std::int64_t k, std::int64_t) const override { return cost(3, 1, 5 + k, 300); }
  std::int64_t segment_of(const std::string&) const override { return 0; }

 private:
  static Cost cost(std::int64_t multiply_adds, std::int64_t elementwise, std::int64_t parameters,
                   std::int64_t activation_bytes) {
    return {.work = {.multiply_adds = multiply_adds,
                     .elementwise = elementwise,
                     .bytes = 4 * multiply_adds},
            .parameters = parameters,
            .weaver_macs = 10 * multiply_adds,
            .activation_bytes = activation_bytes};
  }
};

TEST_CASE("a profile is the mean over jets, not the cost of a mean jet") {
  const Priced network;
  const std::array<std::int64_t, 4> multiplicities{1, 5, 5, 5};  // mean n 4, mean n^2 19
  const Profile result = profile(network, multiplicities);

  REQUIRE(result.pieces.size() == 5);
  const std::array names{"stem", "segment 0", "head 0", "segment 1", "head 1"};
  const std::array multiply_adds{4.0, 19.0, 3.0, 19.0, 3.0};
  const std::array flops{2 * 4.0 + 1, 2 * 19.0 + 2, 2 * 3.0 + 1, 2 * 19.0 + 3, 2 * 3.0 + 1};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(result.pieces[i].name == names[i]);
    CHECK(result.pieces[i].cost.multiply_adds == Approx(multiply_adds[i]));
    CHECK(result.pieces[i].cost.flops == Approx(flops[i]));
  }

  REQUIRE(result.exits.size() == 2);
  CHECK(result.exits[0].parameters == 7 + 20 + 5);
  CHECK(result.exits[0].multiply_adds == Approx(26));
  CHECK(result.exits[1].parameters == 7 + 20 + 5 + 21 + 6);
  CHECK(result.exits[1].multiply_adds == Approx(48));
  CHECK(result.exits[1].weaver_macs == Approx(480));
  CHECK(result.exits[1].bytes == Approx(192));
  CHECK(result.exits[1].activation_bytes == 300);

  CHECK(result.plain.parameters == 7 + 20 + 21 + 6);
  CHECK(result.plain.multiply_adds == Approx(45));
  CHECK(result.plain.flops == Approx(2 * 45 + 1 + 2 + 3 + 1));
}

TEST_CASE("without their early heads the presets cost what was published, whatever their exits") {
  const auto [name, parameters, weaver_macs] = GENERATE(
      std::tuple{"particlenet", 370156, 538434826}, std::tuple{"part", 2143486, 341563674});
  const auto network = make_network(load_model_config(name), 17);
  REQUIRE(network->exits() >= 3);
  constexpr std::array<std::int64_t, 1> longest{128};
  const Profile result = profile(*network, longest);
  CHECK(result.plain.parameters == parameters);
  CHECK(result.plain.weaver_macs == weaver_macs);
  std::int64_t all_parameters = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    all_parameters += parameter.numel();
  }
  CHECK(result.exits.back().parameters == all_parameters);
  CHECK(result.exits.back().multiply_adds > result.plain.multiply_adds);
}

}  // namespace
}  // namespace eebench::model
