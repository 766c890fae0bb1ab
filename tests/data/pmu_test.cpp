#include "eebench/data/pmu.hpp"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/data/data_info.hpp"
#include "eebench/data/jet_source.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using data::JetFile;

namespace {

/// Two jets of 2 and 3 constituents in four slots, tests spoil them.
struct PmuContent {
  std::vector<double> momenta{
      // E, px, py, pz
      25,   20, 5, 7,   0, 0, 0, 0, 60,   30, 40, 10, 0, 0, 0, 0,  //
      12.5, -9, 4, 2.5, 9, 3, 4, 1, 12.5, 4,  9,  2,  0, 0, 0, 0,
  };
  std::vector<std::int64_t> labels{1, 0};
  h5::Extents shape{2, 4, 4};

  std::filesystem::path write(const test::ScratchDir& scratch) const {
    const auto path = scratch.path() / "test.h5";
    h5::File file = h5::File::create(path);
    file.array<double>("Pmu", shape).write(momenta);
    file.array<std::int64_t>("is_signal", {labels.size()}).write(labels);
    file.close();
    return path;
  }
};

}  // namespace

TEST_CASE("momenta of PELICAN's layout are jets: filled slots in falling pT, the axis their sum") {
  const test::ScratchDir scratch;
  const JetFile file(PmuContent().write(scratch));
  CHECK(file.jets() == 2);
  CHECK(file.classes() == std::vector<std::string>{"QCD", "top"});
  const std::vector<std::string> all(data::pmu_columns.begin(), data::pmu_columns.end());
  const data::JetColumns jets = file.read(0, 2, all);
  CHECK(jets.offsets == std::vector<std::int64_t>{0, 2, 5});
  CHECK(jets.labels == std::vector<std::int64_t>{1, 0});
  // Those of equal pT keep their order.
  CHECK(jets.values.at("part_px") == Column{30, 20, -9, 4, 3});
  CHECK(jets.values.at("part_py") == Column{40, 5, 4, 9, 4});
  CHECK(jets.values.at("part_energy") == Column{60, 25, 12.5F, 12.5F, 9});
  CHECK(jets.values.at("jet_pt")[0] == static_cast<float>(std::hypot(50.0, 45.0)));
  CHECK(jets.values.at("jet_phi")[0] == static_cast<float>(std::atan2(45.0, 50.0)));
  CHECK(jets.values.at("jet_eta")[0] ==
        static_cast<float>(std::asinh(17.0 / std::hypot(50.0, 45.0))));
  CHECK(jets.values.at("jet_energy") == Column{85, 34});
  CHECK(jets.values.at("jet_nparticles") == Column{2, 3});

  const data::JetColumns second = file.read(1, 2, {"part_pz"});
  CHECK(second.values.size() == 1);
  CHECK(second.values.at("part_pz") == Column{2.5F, 2, 1});
  CHECK(data::describe(file).classes[1].jets == 1);
}

TEST_CASE("a network reads them by the configuration of top jets") {
  const test::ScratchDir scratch;
  const data::JetSource source(
      PmuContent().write(scratch),
      data::DataConfig::load(test::source_dir() / "configs" / "data" / "top_kin.yaml"));
  const data::JetBatch batch = source.read(0, 2);
  CHECK(batch.labels == std::vector<std::int64_t>{0, 1});  // top is class 0 there
  CHECK(batch.vectors[0] == 30.0F);
  CHECK(source.cut(0, 2) == 0);
}

TEST_CASE("what is wrong with momenta names dataset, index and remedy") {
  const test::ScratchDir scratch;
  const auto error_of = [&](const auto& spoil) {
    PmuContent content;
    spoil(content);
    try {
      JetFile(content.write(scratch)).read(0, 2, {"part_px"});
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(error_of([](PmuContent&) {}).empty());
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THAT(error_of([&](PmuContent& c) { c.momenta[9] = nan; }),
             Contains("test.h5: dataset 'Pmu', index [0, 2]: nan is not a finite number; remove"));
  CHECK_THAT(error_of([&](PmuContent& c) { c.momenta[20] = -1.0; }),
             Contains("'Pmu', index [1, 1]: the energy -1 is not above 0"));
  CHECK_THAT(error_of([&](PmuContent& c) { c.momenta[21] = c.momenta[22] = 0.0; }),
             Contains("'Pmu', index [1, 1]: px and py are 0"));
  CHECK_THAT(error_of([&](PmuContent& c) { c.momenta[0] = c.momenta[8] = 0.0; }),
             Contains("'Pmu', index 0: the jet has no constituents") && Contains("convert"));
  CHECK_THAT(error_of([](PmuContent& c) { c.labels[1] = 2; }),
             Contains("'is_signal', index 1: 2 is neither 1 (top) nor 0 (QCD); correct the label"));
  CHECK_THAT(error_of([](PmuContent& c) { c.labels.push_back(0); }),
             Contains("'Pmu' has the shape [2, 4, 4] beside 3 labels"));
  CHECK_THAT(error_of([](PmuContent& c) { c.shape = {2, 16}; }), Contains("[jets, slots, 4]"));

  const JetFile sound(PmuContent().write(scratch));
  CHECK_THROWS_WITH(sound.read(0, 2, {"part_charge"}), Contains("no dataset 'part_charge'"));
}
