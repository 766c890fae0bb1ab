#include "eebench/data/jet_source.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <limits>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/data/jet_file_writer.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using data::DataConfig;
using data::JetBatch;
using data::JetSource;

namespace {

DataConfig shipped(const std::string& name) {
  return DataConfig::load(test::source_dir() / "configs" / "data" / (name + ".yaml"));
}

/// Values of a .npy file of format 1.0 with the usual header of 128 bytes.
std::vector<float> read_npy(const std::filesystem::path& path, std::size_t count) {
  std::ifstream in(path, std::ios::binary);
  in.seekg(128);
  std::vector<float> values(count);
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(count * sizeof(float)));
  REQUIRE(in.good());
  return values;
}

float largest_difference(const std::vector<float>& left, const std::vector<float>& right) {
  REQUIRE(left.size() == right.size());
  float largest = 0.0F;
  for (std::size_t i = 0; i < left.size(); ++i) {
    largest = std::max(largest, std::abs(left[i] - right[i]));
  }
  return largest;
}

}  // namespace

TEST_CASE("particles are those of the file: their momenta add up to the jet") {
  for (const auto& [name, features] : {std::pair{"jets_test_250.h5", "full"},
                                       {"jetclass_150.h5", "kin"},
                                       {"toptag_200.h5", "top_kin"},
                                       {"qg_200.h5", "qg_kin"}}) {
    INFO(name);
    const JetSource source(test::data(name), shipped(features));
    const JetBatch batch = source.read(0, source.jets());
    const data::JetColumns jets =
        data::JetFile(source.path()).read(0, source.jets(), {"jet_pt", "jet_energy"});
    float worst_pt = 0.0F;
    float worst_energy = 0.0F;
    bool falling = true;
    for (std::size_t j = 0; j < batch.size(); ++j) {
      double px = 0.0;
      double py = 0.0;
      double energy = 0.0;
      double last_pt = std::numeric_limits<double>::infinity();
      for (auto p = 4 * static_cast<std::size_t>(batch.offsets[j]);
           p < 4 * static_cast<std::size_t>(batch.offsets[j + 1]); p += 4) {
        px += batch.vectors[p];
        py += batch.vectors[p + 1];
        energy += batch.vectors[p + 3];
        const double pt = std::hypot(batch.vectors[p], batch.vectors[p + 1]);
        falling = falling && pt <= last_pt * (1 + 1e-6);
        last_pt = pt;
      }
      const auto off = [](double sum, float stored) {
        return static_cast<float>(std::abs(sum / static_cast<double>(stored) - 1.0));
      };
      worst_pt = std::max(worst_pt, off(std::hypot(px, py), jets.values.at("jet_pt")[j]));
      worst_energy = std::max(worst_energy, off(energy, jets.values.at("jet_energy")[j]));
    }
    CHECK(worst_pt < 1e-5F);
    CHECK(worst_energy < 1e-5F);
    CHECK(falling);
    CHECK(std::none_of(batch.features.begin(), batch.features.end(),
                       [](float x) { return !std::isfinite(x); }));
  }
}

TEST_CASE("derived angles are those that the source of the JetClass jets stored") {
  const JetSource source(test::data("jetclass_150.h5"), shipped("kin"));
  const JetBatch stored = source.read(0, 150);
  const JetBatch derived =
      data::assemble(data::JetFile(source.path()).read(0, 150, shipped("kin").columns(true)),
                     shipped("kin"), true, 0);
  CHECK(largest_difference(stored.points, derived.points) < 1e-5F);
  CHECK(largest_difference(stored.features, derived.features) < 1e-4F);
}

TEST_CASE("any split of the file into ranges gives the same jets") {
  const JetSource source(test::data("jets_test_250.h5"), shipped("full"));
  const JetBatch whole = source.read(0, 250);
  JetBatch joined;
  for (std::int64_t begin = 0; begin < 250; begin += 37) {
    append(joined, source.read(begin, std::min<std::int64_t>(begin + 37, 250)));
  }
  CHECK(joined.offsets == whole.offsets);
  CHECK(joined.features == whole.features);
  CHECK(joined.points == whole.points);
  CHECK(joined.vectors == whole.vectors);
  CHECK(joined.labels == whole.labels);
  CHECK(joined.index == whole.index);

  const std::vector<std::int64_t> positions{249, 3, 3, 100};
  const JetBatch chosen = select(whole, positions);
  CHECK(chosen.index == positions);
  const JetBatch one = source.read(100, 101);
  CHECK(std::equal(one.features.rbegin(), one.features.rend(), chosen.features.rbegin()));
}

TEST_CASE("labels count the classes in the order of the configuration") {
  const JetSource top(test::data("toptag_200.h5"), shipped("top_kin"));
  CHECK(top.classes() == std::vector<std::string>{"top", "QCD"});
  const JetBatch batch = top.read(0, 200);
  const std::vector<std::int64_t> in_file = data::JetFile(top.path()).read(0, 200, {}).labels;
  for (std::size_t j = 0; j < 200; ++j) {
    CHECK(batch.labels[j] == 1 - in_file[j]);
  }
  CHECK_THROWS_WITH(JetSource(test::data("toptag_200.h5"), shipped("kin")),
                    Contains("toptag_200.h5") && Contains("'top'"));
}

TEST_CASE("a selection keeps whole jets in their order, in training and testing its own") {
  DataConfig config = shipped("full");
  config.selection.emplace("(jet_pt > 600) & (np.abs(jet_eta) < 1)");
  config.test_selection.emplace("jet_pt > 700");
  const auto file = test::data("jets_test_250.h5");
  const JetBatch all = JetSource(file, shipped("full")).read(0, 250);
  const data::JetColumns jets = data::JetFile(file).read(0, 250, {"jet_pt", "jet_eta"});
  std::vector<std::int64_t> training;
  std::vector<std::int64_t> testing;
  for (std::int64_t j = 0; j < 250; ++j) {
    const float pt = jets.values.at("jet_pt")[static_cast<std::size_t>(j)];
    const float eta = jets.values.at("jet_eta")[static_cast<std::size_t>(j)];
    if (pt > 600.0F && std::abs(eta) < 1.0F) {
      training.push_back(j);
    }
    if (pt > 700.0F) {
      testing.push_back(j);
    }
  }
  REQUIRE(training.size() > 20);
  REQUIRE(training.size() < 230);
  const auto check = [&](data::Use use, const std::vector<std::int64_t>& kept) {
    const JetSource source(file, config, use);
    REQUIRE(source.jets() == static_cast<std::int64_t>(kept.size()));
    const JetBatch expected = select(all, kept);
    const JetBatch read = source.read(0, source.jets());
    CHECK(read.offsets == expected.offsets);
    CHECK(read.features == expected.features);
    CHECK(read.vectors == expected.vectors);
    CHECK(read.labels == expected.labels);
    CHECK(read.index.back() == source.jets() - 1);
    CHECK(source.place(3) == kept[3]);
    CHECK(source.read(3, 5).features == select(all, std::span(kept).subspan(3, 2)).features);
    CHECK_THAT(source.selection_line(),
               Contains("keeps " + std::to_string(kept.size()) + " of 250 jets"));
  };
  check(data::Use::training, training);
  check(data::Use::validation, training);
  check(data::Use::testing, testing);

  config.test_selection.emplace("jet_pt > 1e9");
  CHECK_THROWS_WITH(JetSource(file, config),
                    Contains("full.yaml: selection 'jet_pt > 1e9' leaves no jet of"));
  config.test_selection.emplace("jet_mass > 1");
  CHECK_THROWS_WITH(JetSource(file, config), Contains("full.yaml: selection: ") &&
                                                 Contains("no number a jet called 'jet_mass'"));
  config.test_selection.emplace("part_pt > 1");
  CHECK_THROWS_WITH(JetSource(file, config), Contains("no number a jet called 'part_px'"));
}

TEST_CASE("labels may be made of those of the file, one a jet") {
  DataConfig config = shipped("kin");
  config.new_variables.emplace_back("label_top", Expression("label_Tbqq | label_Tbl"));
  config.new_variables.emplace_back("other", Expression("1 - label_top"));
  config.labels = {Expression("label_top"), Expression("other")};
  config.classes = {"top", "other"};
  const auto path = test::data("jets_test_250.h5");
  const data::JetFile file(path);
  const std::vector<std::int64_t> labels = file.read(0, 250, {}).labels;
  const JetSource source(path, config);
  const JetBatch batch = source.read(0, 250);
  for (std::size_t j = 0; j < 250; ++j) {
    const std::string& name = file.classes()[static_cast<std::size_t>(labels[j])];
    CHECK(batch.labels[j] == (name == "Tbqq" || name == "Tbl" ? 0 : 1));
  }
  CHECK(source.read(100, 120).labels ==
        std::vector<std::int64_t>(batch.labels.begin() + 100, batch.labels.begin() + 120));
  config.labels[1] = Expression("label_QCD");
  CHECK_THROWS_WITH(JetSource(path, config).read(0, 250),
                    Contains("is not of one class alone among the labels"));

  DataConfig two = shipped("kin");
  two.labels = {Expression("label_QCD"), Expression("label_Hbb")};
  two.classes = {"QCD", "Hbb"};
  CHECK_THROWS_WITH(JetSource(path, two), Contains("is not among the labels"));
  two.test_selection.emplace("label_QCD | label_Hbb");
  CHECK(JetSource(path, two).jets() ==
        std::count_if(labels.begin(), labels.end(), [&](std::int64_t label) {
          const std::string& name = file.classes()[static_cast<std::size_t>(label)];
          return name == "QCD" || name == "Hbb";
        }));
  two.test_selection.emplace("jet_pt > 0");
  CHECK_THROWS_WITH(JetSource(path, two).read(0, 250), Contains("leave it out by the selection"));
}

TEST_CASE("columns that the file lacks or has cut short are an error when it is opened") {
  CHECK_THROWS_WITH(JetSource(test::data("jetclass_150.h5"), shipped("kinpid")),
                    Contains("jetclass_150.h5") && Contains("no dataset 'part_charge'"));
  test::JetFileContent content;
  content.columns["jet_eta"].pop_back();
  const test::ScratchDir scratch;
  content.write(scratch.path() / "jets.h5");
  CHECK_THROWS_WITH(JetSource(scratch.path() / "jets.h5", shipped("kin")),
                    Contains("'jet_eta' has 2 entries, expected 3"));
  const JetSource source(test::data("jetclass_150.h5"), shipped("kin"));
  CHECK_THROWS_WITH(source.read(0, 151),
                    Contains("jetclass_150.h5") && Contains("it has 150; ask for no more"));
}

TEST_CASE("the first 128 constituents stay, and jets that lost some are counted") {
  test::JetFileContent content;
  content.offsets = {0, 128, 258};
  content.label = {0, 1};
  for (auto& [name, values] : content.columns) {
    values.assign(name.starts_with("part_") ? 258 : 2, 2.0F);
  }
  for (std::size_t i = 0; i < 258; ++i) {
    content.columns["part_px"][i] = static_cast<float>(300 - i);
  }
  const test::ScratchDir scratch;
  content.write(scratch.path() / "jets.h5");
  const JetSource source(scratch.path() / "jets.h5", shipped("kin"));
  CHECK(source.max_particles() == 128);
  CHECK(source.cut(0, 2) == 1);
  CHECK(source.cut(0, 1) == 0);
  const JetBatch batch = source.read(0, 2);
  CHECK(batch.offsets == std::vector<std::int64_t>{0, 128, 256});
  CHECK(batch.vectors[4 * 128] == 300 - 128);
  CHECK(batch.vectors[4 * 255] == 300 - 255);
}

TEST_CASE("angles wrap, and deta points away from the beam on both sides") {
  test::JetFileContent content;
  content.offsets = {0, 1, 2};
  content.label = {0, 0};
  const float pz = static_cast<float>(std::sinh(0.5));
  content.columns = {{"part_px", {-1, -1}},      {"part_py", {0.01F, -0.01F}},
                     {"part_pz", {pz, -pz}},     {"part_energy", {2, 2}},
                     {"jet_pt", {1, 1}},         {"jet_energy", {2, 2}},
                     {"jet_eta", {0.3F, -0.3F}}, {"jet_phi", {-3.13F, 3.13F}}};
  const test::ScratchDir scratch;
  content.write(scratch.path() / "jets.h5");
  const JetBatch batch = JetSource(scratch.path() / "jets.h5", shipped("kin")).read(0, 2);
  CHECK(batch.points[0] == Approx(0.2).margin(1e-4));
  CHECK(batch.points[2] == Approx(0.2).margin(1e-4));
  const double expected = std::atan2(0.01, -1.0) + 3.13 - 2.0 * std::acos(-1.0);
  CHECK(batch.points[1] == Approx(expected).margin(1e-5));
  CHECK(batch.points[3] == Approx(-expected).margin(1e-5));
}

TEST_CASE("a feature that is not finite is refused with file, feature, jet and particle") {
  test::JetFileContent content;
  content.columns["part_energy"][4] = 1e-30F;
  content.columns["jet_energy"][2] = 1e30F;  // their ratio is 0 in single precision
  const test::ScratchDir scratch;
  content.write(scratch.path() / "jets.h5");
  data::DataConfig config = shipped("kin");
  for (data::Variable& variable : config.features) {
    variable.subtract.reset();  // so that nothing clips the logarithm of zero
  }
  const JetSource source(scratch.path() / "jets.h5", config);
  CHECK_NOTHROW(source.read(0, 2));
  for (const std::int64_t begin : {0, 2}) {
    CHECK_THROWS_WITH(source.read(begin, 3),
                      Contains("jets.h5: feature 'part_logerel' of jet 2, particle 1: -inf") &&
                          Contains("remove or repair this jet"));
  }
}

TEST_CASE("kinematic features equal those that weaver made of the same jets") {
  if (test::full_samples().empty()) {
    WARN("skipped: EEBENCH_TEST_DATA names no folder with the full samples");
    return;
  }
  constexpr std::size_t jets = 100;
  constexpr std::size_t slots = 128;
  for (const char* set : {"tbqq_100_full", "tbl_100_full"}) {
    const auto folder = test::full_samples() / "jetclass" / set;
    const auto vectors = read_npy(folder / "pf_vectors.npy", jets * 4 * slots);
    const auto points = read_npy(folder / "pf_points.npy", jets * 2 * slots);
    const auto mask = read_npy(folder / "pf_mask.npy", jets * slots);
    const auto features = read_npy(folder / "pf_features.npy", jets * 17 * slots);
    data::JetColumns columns;
    std::vector<float> expected;
    const std::array<std::string, 4> momentum{"part_px", "part_py", "part_pz", "part_energy"};
    for (std::size_t j = 0; j < jets; ++j) {
      double px = 0.0;
      double py = 0.0;
      for (std::size_t p = 0; p < slots && mask[j * slots + p] > 0.5F; ++p) {
        for (std::size_t c = 0; c < 4; ++c) {
          columns.values[momentum[c]].push_back(vectors[(j * 4 + c) * slots + p]);
        }
        px += columns.values["part_px"].back();
        py += columns.values["part_py"].back();
        columns.values["part_deta"].push_back(points[j * 2 * slots + p]);
        columns.values["part_dphi"].push_back(points[(j * 2 + 1) * slots + p]);
        for (const std::size_t f : {0U, 1U, 2U, 3U, 4U, 15U, 16U}) {
          const float value = features[(j * 17 + f) * slots + p];
          expected.push_back(f < 5 ? std::clamp(value, -5.0F, 5.0F) : value);  // stored unclipped
        }
      }
      columns.offsets.push_back(static_cast<std::int64_t>(columns.values["part_px"].size()));
      columns.labels.push_back(0);
      columns.values["jet_pt"].push_back(static_cast<float>(std::hypot(px, py)));
      // JetClass jets carry an energy that is up to 2 % off the sum: take it from the first
      // particle.
      const double ratio = std::exp(features[(j * 17 + 3) * slots] / 0.7 - 4.7);
      columns.values["jet_energy"].push_back(
          static_cast<float>(vectors[(j * 4 + 3) * slots] / ratio));
    }
    const JetBatch batch = data::assemble(columns, shipped("kin"), false, 0);
    CHECK(largest_difference(batch.features, expected) < 1e-4F);
  }
}
