#include "eebench/model/weights.hpp"

#include <filesystem>
#include <fstream>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/model/part/part.hpp"
#include "eebench/model/particlenet/particlenet.hpp"
#include "tests/model/golden.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

namespace eebench::model {
namespace {

std::unique_ptr<Network> small_network(std::vector<std::int64_t> exits_after = {1}) {
  auto network = make_particlenet({.blocks = {{8, 8}, {16, 16}},
                                   .fc = 8,
                                   .exits_after = std::move(exits_after),
                                   .exit_particle_widths = {8},
                                   .exit_width = 8});
  test::set_golden_parameters(*network);
  return network;
}

StateDict copy(const StateDict& tensors) {
  StateDict copies;
  for (const auto& [name, tensor] : tensors) {
    copies.emplace_back(name, tensor.detach().clone());
  }
  return copies;
}

at::Tensor* find(StateDict& tensors, const std::string& name) {
  for (auto& [key, tensor] : tensors) {
    if (key == name) {
      return &tensor;
    }
  }
  return nullptr;
}

TEST_CASE("weights survive a file unchanged, with their configuration") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "weights.h5";
  const auto network = small_network();
  const at::ScalarType type = GENERATE(at::kFloat, at::kDouble);
  network->to(type);
  const StateDict written = state_dict(*network);
  write_weights(path, {.tensors = written, .config = "kind = \"particlenet\"", .origin = "a test"});
  const Weights read = read_weights(path);
  CHECK(read.config == "kind = \"particlenet\"");
  CHECK(read.origin == "a test");
  CHECK(sha256(read.tensors) == sha256(written));
  const auto other = small_network();
  other->to(type);
  {
    const at::NoGradGuard no_grad;
    for (at::Tensor& parameter : other->parameters()) {
      parameter.zero_();
    }
  }
  REQUIRE(sha256(state_dict(*other)) != sha256(written));
  load_state_dict(*other, read.tensors, "weights.h5");
  CHECK(sha256(state_dict(*other)) == sha256(written));
}

TEST_CASE("gates travel with the weights and say what they were fitted on") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "weights.h5";
  const auto network = small_network();
  const Gates gates = {.numbers = {{"learned", {{0.25, -1.0, 1e-300}, {3.0, 4.0, 5.0}}},
                                   {"lte", {{6.0}, {7.0, 8.0}}}},
                       .data = "val.h5",
                       .data_sha256 = "abc",
                       .jets = 77,
                       .lambda = 0.1};
  write_weights(path, {.tensors = state_dict(*network), .config = "", .gates = gates});
  const Weights read = read_weights(path);
  CHECK(read.gates.numbers == gates.numbers);
  CHECK(read.gates.data == "val.h5");
  CHECK(read.gates.data_sha256 == "abc");
  CHECK(read.gates.jets == 77);
  CHECK(read.gates.lambda == 0.1);
  CHECK(sha256(read.tensors) == sha256(state_dict(*network)));
  CHECK(sha256(read.gates) == sha256(gates));
  const auto sha256_of = [](const std::string& rule, std::vector<std::vector<double>> numbers) {
    return sha256(Gates{.numbers = {{rule, std::move(numbers)}}});
  };
  CHECK(sha256_of("lte", {{0.25, -1.0}, {3.0}}) == sha256_of("lte", {{0.25, -1.0}, {3.0}}));
  CHECK(sha256_of("lte", {{0.25, -1.0}, {3.0}}) != sha256_of("lte", {{0.25}, {-1.0, 3.0}}));
  CHECK(sha256_of("lte", {{0.25, -1.0}, {3.0}}) != sha256_of("jei", {{0.25, -1.0}, {3.0}}));
  {
    h5::File file = h5::File::open_writable(path);
    file.dataset("gates/1").write(std::vector<double>{3.0, 4.0, 5.5});
    file.close();
  }
  CHECK_THROWS_WITH(read_weights(path),
                    Catch::Contains("the gates do not match their checksum; fit them again"));

  write_weights(path, {.tensors = state_dict(*network), .config = ""});
  CHECK(read_weights(path).gates.numbers.empty());
  CHECK(sha256(Gates{}).empty());
}

TEST_CASE("the checksum depends on names, shapes and values") {
  const StateDict one{{"a", at::ones({2, 3})}};
  CHECK(sha256(one) == sha256({{"a", at::ones({2, 3})}}));
  CHECK(sha256(one) != sha256({{"b", at::ones({2, 3})}}));
  CHECK(sha256(one) != sha256({{"a", at::ones({3, 2})}}));
  CHECK(sha256(one) != sha256({{"a", at::full({2, 3}, 2.0)}}));
}

TEST_CASE("damaged and foreign weight files are refused in words") {
  const test::ScratchDir dir;
  const auto path = dir.path() / "weights.h5";
  const auto network = small_network();
  write_weights(path, {.tensors = state_dict(*network), .config = ""});
  SECTION("changed values") {
    h5::File file = h5::File::open_writable(path);
    file.set_attribute("sha256", std::string(64, '0'));
    file.close();
    CHECK_THROWS_WITH(read_weights(path), Catch::Contains("do not match their checksum"));
  }
  SECTION("another format") {
    h5::File file = h5::File::open_writable(path);
    file.set_attribute("format_version", std::int64_t{99});
    file.close();
    CHECK_THROWS_WITH(read_weights(path),
                      Catch::Contains("'format_version' is 99") && Catch::Contains("train again"));
  }
  SECTION("an HDF5 file without weights") {
    h5::File::create(path).close();
    CHECK_THROWS_WITH(read_weights(path), Catch::Contains("so it is no file of weights"));
  }
  SECTION("not HDF5") {
    std::ofstream(path) << "text";
    CHECK_THROWS_AS(read_weights(path), InputError);
  }
  SECTION("missing") {
    CHECK_THROWS_AS(read_weights(dir.path() / "none.h5"), InputError);
    CHECK_THROWS_AS(read_weights(dir.path() / "none.pt"), InputError);
  }
}

TEST_CASE("weights of a wrapper and of the newer spelling are understood") {
  const auto network = make_part(
      {.embed = {8, 16, 8}, .pair_embed = {4, 4}, .heads = 2, .layers = 1, .class_layers = 1});
  test::set_golden_parameters(*network);
  StateDict renamed;
  int newer = 0;
  for (const auto& [name, tensor] : copy(state_dict(*network))) {
    std::string spelt = "mod." + name;
    if (const auto place = spelt.find("in_proj_"); place != std::string::npos) {
      spelt.replace(place, 8, "in_proj.");
      ++newer;
    }
    renamed.emplace_back(spelt, tensor);
  }
  REQUIRE(newer == 4);
  const std::string before = sha256(state_dict(*network));
  {
    const at::NoGradGuard no_grad;
    for (at::Tensor& parameter : network->parameters()) {
      parameter.zero_();
    }
  }
  load_state_dict(*network, renamed, "renamed");
  CHECK(sha256(state_dict(*network)) == before);
}

TEST_CASE("the spelling of weaver's parameters tells how heads are laid out") {
  const auto layout = [](const std::string& spelling, const std::string& text) {
    ModelConfig config = parse_model_config(text, "part.toml");
    adopt_head_layout(config, {{"mod.embed.weight", at::ones(1)}, {spelling, at::ones(1)}});
    return std::string(config.table["network"]["head_layout"].value_or("none"));
  };
  const std::string legacy = "kind = 'part'\n[network]\nhead_layout = 'legacy'\n";
  CHECK(layout("mod.blocks.0.attn.in_proj.weight", legacy) == "v05");
  CHECK(layout("mod.blocks.0.attn.in_proj.weight", "kind = 'part'\n") == "v05");
  CHECK(layout("blocks.0.attn.in_proj_weight", legacy) == "legacy");
  CHECK(layout("blocks.0.attn.in_proj_weight", "[network]\nhead_layout = 'v05'\n") == "legacy");
  CHECK(layout("edge_convs.0.weight", "kind = 'particlenet'\n") == "none");
}

TEST_CASE("PyTorch files are known by their content") {
  const test::ScratchDir dir;
  for (const char* name : {"weights.pth", "weights", "weights.h5"}) {
    std::filesystem::copy_file(test::data("state_dict.pt"), dir.path() / name);
    CHECK(read_weights(dir.path() / name).tensors.size() ==
          read_weights(test::data("state_dict.pt")).tensors.size());
  }
}

TEST_CASE("weights of another network are refused, early heads may be missing on request") {
  const auto with_exits = small_network();
  const auto plain = small_network({});
  const StateDict exits = copy(state_dict(*with_exits));
  const StateDict backbone = copy(state_dict(*plain));
  CHECK_NOTHROW(load_state_dict(*with_exits, backbone, "w.pt", true));
  CHECK_THROWS_WITH(load_state_dict(*with_exits, backbone, "w.pt"),
                    Catch::Contains("w.pt: weights of another network (missing exits.0."));
  CHECK_THROWS_WITH(load_state_dict(*plain, exits, "w.pt"), Catch::Contains("unexpected exits.0."));
  StateDict wrong = exits;
  *find(wrong, "edge_convs.0.convs.0.weight") = at::zeros({8, 26, 1, 1});
  CHECK_THROWS_WITH(
      load_state_dict(*with_exits, wrong, "w.pt"),
      Catch::Contains("'edge_convs.0.convs.0.weight' has shape [8, 26, 1, 1], the network wants "
                      "[8, 34, 1, 1]; name the model and the features they were trained with"));
  CHECK_THROWS_WITH(load_state_dict(*with_exits, backbone, "w.pt", false),
                    Catch::Contains(" more"));
}

}  // namespace
}  // namespace eebench::model
