#include "eebench/model/torch_file.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/model/unpickler.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

namespace eebench::model {
namespace {

std::string file_content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Reads `content` as if it were a .pt file.
StateDict read(const test::ScratchDir& dir, const std::string& content) {
  const auto path = dir.path() / "state.pt";
  std::ofstream(path, std::ios::binary) << content;
  return read_torch_file(path);
}

/// `content` with the first occurrence of one text replaced by another of the same length.
std::string replaced(std::string content, const std::string& from, const std::string& to) {
  REQUIRE(from.size() == to.size());
  return content.replace(content.find(from), from.size(), to);
}

TEST_CASE("tensors of every kind come out of a PyTorch file") {
  const StateDict read = read_torch_file(test::data("state_dict.pt"));
  std::map<std::string, at::Tensor> tensors(read.begin(), read.end());
  CHECK(read.size() == 10);
  CHECK(read.front().first == "float");
  CHECK(at::equal(tensors["float"], at::tensor({0.5F, -1.25F, 3e-8F, 1e30F}).view({2, 2})));
  CHECK(tensors["counter"].scalar_type() == at::kLong);
  CHECK(tensors["counter"].dim() == 0);
  CHECK(tensors["counter"].item<std::int64_t>() == 7);
  CHECK(at::equal(tensors["half"], at::tensor({1.5F, -2.0F}).to(at::kHalf)));
  CHECK(at::equal(tensors["bfloat"], at::tensor({0.15625F}).to(at::kBFloat16)));
  CHECK(at::equal(tensors["double"], at::tensor({1.0 / 3.0}, at::kDouble)));
  // Three views of one storage.
  const at::Tensor base = at::arange(12, at::kFloat).view({3, 4});
  CHECK(at::equal(tensors["transposed"], base.t()));
  CHECK(at::equal(tensors["column"], base.select(1, 2)));
  CHECK(at::equal(tensors["row"], base[1]));
  CHECK(tensors["empty"].sizes() == at::IntArrayRef({0, 3}));
  CHECK(at::equal(tensors["parameter"], at::tensor({4.0F})));
}

TEST_CASE("what is not a state_dict is refused in words") {
  const test::ScratchDir dir;
  const std::string good = file_content(test::data("state_dict.pt"));
  CHECK_THROWS_WITH(read_torch_file(dir.path() / "none.pt"),
                    Catch::Contains("none.pt: no such file"));
  CHECK_THROWS_WITH(read(dir, "no zip"), Catch::Contains("not a PyTorch file in zip format"));
  CHECK_THROWS_WITH(read(dir, ""), Catch::Contains("not a PyTorch file in zip format"));
  CHECK_THROWS_WITH(read(dir, replaced(good, "OrderedDict", "OrderedDoll")),
                    Catch::Contains("state.pt: refers to 'collections.OrderedDoll'"));
  const std::string call = replaced(good, "torch\nFloatStorage", "posix\nsystem_doors");
  CHECK_THROWS_WITH(read(dir, call),
                    Catch::Contains("'posix.system_doors', which eebench does not run"));
  CHECK_THROWS_WITH(read(dir, replaced(good, "little", "bigbig")), Catch::Contains("big-endian"));
  std::string unnamed = good;
  unnamed.replace(good.rfind("data.pkl"), 8, "data.pkx");  // in the archive's directory
  CHECK_THROWS_WITH(read(dir, unnamed), Catch::Contains("no data.pkl inside"));
}

TEST_CASE("a tensor that reaches beyond its storage is refused before memory is taken") {
  const test::ScratchDir dir;
  const std::string good = file_content(test::data("state_dict.pt"));
  // Size and stride (3, 4), (1, 4) of the transposed tensor: BININT1 and a byte each.
  const std::string layout = {'K', 4, 'K', 3, '\x86'};
  REQUIRE(good.find(layout) != std::string::npos);
  const std::string wider = {'K', 5, 'K', 3, '\x86'};
  CHECK_THROWS_WITH(read(dir, replaced(good, layout, wider)),
                    Catch::Contains("beyond its storage"));
  const std::string huge = {'K', '\xff', 'K', '\xff', '\x86'};
  CHECK_THROWS_WITH(read(dir, replaced(good, layout, huge)), Catch::Contains("beyond its storage"));
}

TEST_CASE("a small pickle does not become large or deep") {
  const auto unpickled = [](const std::string& pickle) {
    static constexpr std::array<unsigned char, 16> stored{};
    const auto* bytes = reinterpret_cast<const unsigned char*>(pickle.data());
    return unpickle({bytes, pickle.size()}, {{"0", stored}}, "small.pt");
  };
  using namespace std::string_literals;
  const std::string function = "ctorch._utils\n_rebuild_tensor_v2\nq\0"s;
  const std::string storage =
      "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
      "0X\3\0\0\0cpuK\4tQq\1"s;
  std::string tensors;
  for (int i = 0; i < 17; ++i) {
    tensors += "h\0(h\1K\0K\4\x85K\1\x85tR"s;
  }
  CHECK_THROWS_AS(unpickled(function + storage + tensors + "."), InputError);
  CHECK_THROWS_WITH(unpickled(function + storage + tensors + "."),
                    Catch::Contains("tensors of 16 times what is stored"));
  CHECK_THROWS_AS(unpickled("]" + std::string(1'000'000, '\x85') + "."), InputError);
  CHECK_THROWS_AS(unpickled("]q\0h\0a."s), InputError);  // a list that holds itself
}

TEST_CASE("damage anywhere in a PyTorch file is an input error or harmless") {
  const test::ScratchDir dir;
  const std::string good = file_content(test::data("state_dict.pt"));
  const auto read_or_refuse = [&](const std::string& content) {
    std::size_t tensors = 0;
    std::string refusal = "refused";
    try {
      tensors = read(dir, content).size();
    } catch (const InputError& error) {
      refusal = error.what();
    }
    return tensors <= 10 && refusal.find('\n') == std::string::npos;
  };
  for (std::size_t length = 0; length < good.size(); length += 7) {
    CHECK_THROWS_AS(read(dir, good.substr(0, length)), InputError);
  }
  std::size_t odd = 0;
  for (std::size_t place = 0; place < good.size(); ++place) {
    for (const int flip : {0x01, 0xff}) {
      std::string damaged = good;
      damaged[place] = static_cast<char>(damaged[place] ^ flip);
      if (!read_or_refuse(damaged)) {
        ++odd;
      }
    }
  }
  CHECK(odd == 0);
}

}  // namespace
}  // namespace eebench::model
