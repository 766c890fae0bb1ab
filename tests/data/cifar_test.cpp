#include "eebench/data/cifar.hpp"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/data_info.hpp"
#include "eebench/data/jet_source.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

namespace eebench::data {
namespace {

using Catch::Contains;

DataConfig cifar10() { return DataConfig::load(test::source_dir() / "configs/data/cifar10.yaml"); }

/// Image i has label (first + i) % 10 and the byte (first + i + p) % 256 at pixel p.
void write(const std::filesystem::path& file, int first, int images) {
  std::ofstream out(file, std::ios::binary);
  for (int i = first; i < first + images; ++i) {
    out.put(static_cast<char>(i % 10));
    for (int p = 0; p < 3072; ++p) {
      out.put(static_cast<char>((i + p) % 256));
    }
  }
}

TEST_CASE("images come as they are stored, each channel standardised by its numbers") {
  const test::ScratchDir scratch;
  write(scratch.path() / "test_batch.bin", 0, 12);
  const JetSource source(scratch.path() / "test_batch.bin", cifar10());
  CHECK(source.jets() == 12);
  CHECK(source.max_particles() == 1);
  CHECK(source.cut(0, 12) == 0);
  CHECK(source.classes().size() == 10);
  CHECK(source.classes()[9] == "truck");
  const JetBatch batch = source.read(9, 12);
  CHECK(batch.offsets == std::vector<std::int64_t>{0, 1, 2, 3});
  CHECK(batch.labels == std::vector<std::int64_t>{9, 0, 1});
  CHECK(batch.index == std::vector<std::int64_t>{9, 10, 11});
  REQUIRE(batch.features_per_particle == 3072);
  REQUIRE(batch.features.size() == 3 * 3072);
  const auto expected = [](int byte, double mean, double factor) {
    return Approx((byte / 255.0 - mean) * factor).margin(1e-5);
  };
  CHECK(batch.features[0] == expected(9, 0.4914, 4.049));             // red, image 9
  CHECK(batch.features[1023] == expected(8, 0.4914, 4.049));          // (9 + 1023) % 256
  CHECK(batch.features[1024] == expected(9, 0.4822, 4.107));          // green
  CHECK(batch.features[2048 + 5] == expected(14, 0.4465, 3.823));     // blue
  CHECK(batch.features[3072 + 200] == expected(210, 0.4914, 4.049));  // image 10
  CHECK(transverse_momentum(batch, 0) == 0.0F);
  CHECK_THROWS_WITH(source.read(0, 13), Contains("test_batch.bin: jets 0 to 13 were asked for"));
}

TEST_CASE("a folder is its data_batch files one after another, read over their edges") {
  const test::ScratchDir scratch;
  write(scratch.path() / "data_batch_2.bin", 4, 3);
  write(scratch.path() / "data_batch_1.bin", 0, 4);
  write(scratch.path() / "data_batch_3.bin", 7, 2);
  write(scratch.path() / "test_batch.bin", 0, 5);
  std::ofstream(scratch.path() / "batches.meta.txt") << "airplane\n";
  const JetSource source(scratch.path(), cifar10());
  CHECK(source.files().size() == 3);
  CHECK(source.jets() == 9);
  for (std::int64_t begin = 0; begin <= 9; ++begin) {
    for (std::int64_t end = begin; end <= 9; ++end) {
      const JetBatch batch = source.read(begin, end);
      REQUIRE(batch.size() == static_cast<std::size_t>(end - begin));
      for (std::int64_t i = begin; i < end; ++i) {
        const auto place = static_cast<std::size_t>(i - begin);
        CHECK(batch.labels[place] == i);
        CHECK(batch.features[place * 3072] ==
              Approx((static_cast<double>(i) / 255.0 - 0.4914) * 4.049));
      }
    }
  }
  const ImageInfo info = describe(CifarFiles(scratch.path()));
  CHECK(info.images == 9);
  CHECK(info.bytes == 9 * 3073);
  CHECK(info.classes[8].name == "ship");
  CHECK(info.classes[8].jets == 1);
  CHECK(info.classes[9].jets == 0);
  std::string digests;
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin"}) {
    digests += sha256_file(scratch.path() / name) + "\n";
  }
  CHECK(info.sha256 == sha256(digests));
  CHECK(describe(CifarFiles(scratch.path() / "test_batch.bin")).sha256 ==
        sha256_file(scratch.path() / "test_batch.bin"));
}

TEST_CASE("damaged files of images are named with the image and a remedy") {
  const test::ScratchDir scratch;
  const auto file = scratch.path() / "data_batch_1.bin";
  CHECK_THROWS_WITH(JetSource(file, cifar10()), Contains("data_batch_1.bin: no such file"));
  write(file, 0, 4);
  {
    std::fstream change(file, std::ios::binary | std::ios::in | std::ios::out);
    change.seekp(2 * 3073);
    change.put(10);
  }
  CHECK_THROWS_WITH(JetSource(file, cifar10()).read(0, 4),
                    Contains("data_batch_1.bin: image 2 has label 10, CIFAR-10 has 0 to 9") &&
                        Contains("fetch cifar10"));
  CHECK(JetSource(file, cifar10()).read(0, 2).size() == 2);
  CHECK_THROWS_AS(describe(CifarFiles(file)), InputError);
  std::filesystem::resize_file(file, 3 * 3073 + 100);
  CHECK_THROWS_WITH(JetSource(file, cifar10()),
                    Contains("9319 bytes are no whole number of images of 3073, image 3 is cut "
                             "off"));
  std::filesystem::resize_file(file, 0);
  CHECK_THROWS_AS(JetSource(file, cifar10()), InputError);
}

TEST_CASE("images and jets want configurations of their own") {
  const test::ScratchDir scratch;
  write(scratch.path() / "data_batch_1.bin", 0, 1);
  const auto kin = DataConfig::load(test::source_dir() / "configs/data/kin.yaml");
  CHECK_THROWS_WITH(JetSource(scratch.path() / "data_batch_1.bin", kin),
                    Contains("holds images [3, 32, 32], the data configuration is of jets"));
  CHECK_THROWS_WITH(JetSource(test::data("jets_test_250.h5"), cifar10()),
                    Contains("jets_test_250.h5: the data configuration is of images"));
  const test::ScratchDir empty;
  CHECK_THROWS_WITH(JetSource(empty.path(), cifar10()), Contains("the folder of them"));
  CHECK_THROWS_WITH(JetSource(empty.path(), kin), Contains("is a folder; name a file"));

  const auto load = [&](const std::string& text) {
    const auto yaml = scratch.path() / "mine.yaml";
    std::ofstream(yaml) << text;
    return DataConfig::load(yaml);
  };
  const DataConfig small = load("images: {shape: [1, 2, 2], channels: [[grey, 0.5, 2]]}\n");
  CHECK(small.features.size() == 4);
  CHECK_THROWS_WITH(JetSource(scratch.path() / "data_batch_1.bin", small),
                    Contains("the data configuration is of [1, 2, 2]"));
  CHECK_THROWS_WITH(load("images: {shape: [3, 32, 32], channels: [[grey, 0.5, 2]]}\n"),
                    Contains("mine.yaml: images needs a shape"));
  CHECK_THROWS_WITH(load("images: {shape: [1, 2, 2], channels: [[grey, bright]]}\n"),
                    Contains("line 1: images.channels, entry 0: [grey, bright] is not a variable"));
}

}  // namespace
}  // namespace eebench::data
