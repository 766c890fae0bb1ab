#include "eebench/model/state.hpp"

#include <stdexcept>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"

namespace eebench::model {
namespace {

/// Jets of 2, 1 and 3 particles; every row says whose it is.
State three_jets() {
  State state{nn::Ragged({0, 2, 3, 6})};
  state.set("jet", Axis::sample, at::tensor({10.0F, 20.0F, 30.0F}).view({3, 1}));
  state.set("particle", Axis::particle, at::tensor({10.0F, 11.0F, 20.0F, 30.0F, 31.0F, 32.0F}));
  state.set("pair", Axis::pair,
            at::tensor({100.0F, 101.0F, 102.0F, 103.0F, 200.0F, 300.0F, 301.0F, 302.0F, 303.0F,
                        304.0F, 305.0F, 306.0F, 307.0F, 308.0F}));
  return state;
}

std::vector<float> values(const State& state, const char* name) {
  const at::Tensor flat = state.get(name).contiguous().view({-1});
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

bool same(const State& a, const State& b) {
  return a.size() == b.size() && at::equal(a.get("jet"), b.get("jet")) &&
         at::equal(a.get("particle"), b.get("particle")) && at::equal(a.get("pair"), b.get("pair"));
}

TEST_CASE("fields are set, replaced and erased by name") {
  State state = three_jets();
  CHECK(state.size() == 3);
  CHECK(state.has("pair"));
  state.set("jet", Axis::sample, at::tensor({1.0F, 2.0F, 3.0F}));
  CHECK(values(state, "jet") == std::vector<float>{1, 2, 3});
  state.erase("pair");
  state.erase("never was there");
  CHECK_FALSE(state.has("pair"));
  CHECK_THROWS_AS(state.get("pair"), std::out_of_range);
}

TEST_CASE("selected jets bring their particles and pairs, in the order asked for") {
  const std::vector<std::int64_t> jets{2, 0};
  const State chosen = three_jets().select(jets);
  CHECK(chosen.size() == 2);
  CHECK(chosen.jets().multiplicity(0) == 3);
  CHECK(chosen.jets().multiplicity(1) == 2);
  CHECK(chosen.get("jet").sizes() == at::IntArrayRef({2, 1}));
  CHECK(values(chosen, "jet") == std::vector<float>{30, 10});
  CHECK(values(chosen, "particle") == std::vector<float>{30, 31, 32, 10, 11});
  CHECK(values(chosen, "pair") ==
        std::vector<float>{300, 301, 302, 303, 304, 305, 306, 307, 308, 100, 101, 102, 103});
}

TEST_CASE("jets that were parted come together again") {
  const State whole = three_jets();
  const std::vector<std::int64_t> first{0};
  const std::vector<std::int64_t> others{1, 2};
  const std::vector<State> parts{whole.select(first), whole.select(others)};
  CHECK(same(State::concat(parts), whole));
}

TEST_CASE("gradients reach the selected jets alone") {
  State state = three_jets();
  const at::Tensor particles = state.get("particle").clone().set_requires_grad(true);
  state.set("particle", Axis::particle, particles);
  const std::vector<std::int64_t> jets{1, 2};
  state.select(jets).get("particle").sum().backward();
  CHECK(at::equal(particles.grad(), at::tensor({0.0F, 0.0F, 1.0F, 1.0F, 1.0F, 1.0F})));
}

TEST_CASE("a packed state is the same after unpacking, and a cut one is refused") {
  const State whole = three_jets();
  const std::vector<std::byte> bytes = whole.pack();
  const State again = State::unpack(bytes);
  CHECK(same(again, whole));
  CHECK(again.jets().multiplicity(2) == 3);
  CHECK(
      same(again.select(std::vector<std::int64_t>{2}), whole.select(std::vector<std::int64_t>{2})));
  for (const std::size_t length : {std::size_t{3}, bytes.size() / 2, bytes.size() - 1}) {
    CHECK_THROWS_AS(State::unpack(std::span(bytes).first(length)), Error);
  }
}

TEST_CASE("all fields change precision together") {
  const State moved = three_jets().to(at::kCPU, at::kDouble);
  for (const char* name : {"jet", "particle", "pair"}) {
    CHECK(moved.get(name).scalar_type() == at::kDouble);
  }
  CHECK(moved.size() == 3);
}

}  // namespace
}  // namespace eebench::model
