#include "eebench/data/data_config.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/data/jet_source.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using data::DataConfig;

namespace {

DataConfig shipped(const std::string& name) {
  return DataConfig::load(test::source_dir() / "configs" / "data" / (name + ".yaml"));
}

std::string error_of(const std::string& yaml) {
  const test::ScratchDir scratch;
  const auto path = scratch.path() / "data.yaml";
  std::ofstream(path) << yaml;
  try {
    DataConfig::load(path);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

const std::string groups =
    "  pf_points: {vars: [part_deta, part_dphi]}\n"
    "  pf_vectors: {vars: [part_px, part_py, part_pz, part_energy]}\n";

}  // namespace

TEST_CASE("the worked example of the full features") {
  data::JetColumns jet;
  jet.offsets = {0, 1};
  jet.labels = {0};
  jet.values = {{"part_px", {30}},
                {"part_py", {40}},
                {"part_pz", {10}},
                {"part_energy", {60}},
                {"jet_pt", {600}},
                {"jet_energy", {900}},
                {"part_deta", {0.1F}},
                {"part_dphi", {-0.2F}},
                {"part_d0val", {0.05F}},
                {"part_d0err", {0.02F}},
                {"part_dzval", {-0.3F}},
                {"part_dzerr", {1.7F}},
                {"part_charge", {-1}},
                {"part_isChargedHadron", {1}},
                {"part_isNeutralHadron", {0}},
                {"part_isPhoton", {0}},
                {"part_isElectron", {0}},
                {"part_isMuon", {0}}};
  const data::JetBatch batch = data::assemble(jet, shipped("full"), false, 7);
  const std::vector<float> expected{
      1.5484161F, 1.4660412F, 1.5505651F, 1.3943647F, 0.0944272F,  -1,   1,    0,    0,
      0,          0,          0.0499584F, 0.02F,      -0.2913126F, 1.0F, 0.1F, -0.2F};
  REQUIRE(batch.features_per_particle == 17);
  REQUIRE(batch.features.size() == 17);
  for (std::size_t i = 0; i < 17; ++i) {
    INFO("feature " << i);
    CHECK(batch.features[i] == Approx(expected[i]).margin(1e-6).epsilon(0));
  }
  CHECK(batch.points == std::vector<float>{0.1F, -0.2F});
  CHECK(batch.vectors == std::vector<float>{30, 40, 10, 60});
  CHECK(batch.index == std::vector<std::int64_t>{7});
}

TEST_CASE("values are clipped only where they are shifted, and NaN becomes zero") {
  const data::Variable raw{.name = "x"};
  CHECK(raw.standardise(17.0F) == 17.0F);
  CHECK(raw.standardise(std::nanf("")) == 0.0F);
  const data::Variable shifted{.name = "x", .subtract = 1.0F, .multiply = 2.0F};
  CHECK(shifted.standardise(2.0F) == 2.0F);
  CHECK(shifted.standardise(17.0F) == 5.0F);
  CHECK(shifted.standardise(-17.0F) == -5.0F);
  CHECK(shifted.standardise(std::nanf("")) == 0.0F);
}

TEST_CASE("the shipped configurations have the published number of inputs and order of classes") {
  const std::vector<std::string> jetclass{"QCD",  "Hbb", "Hcc", "Hgg",  "H4q",
                                          "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl"};
  for (const auto& [name, features] : {std::pair{"kin", 7}, {"kinpid", 13}, {"full", 17}}) {
    INFO(name);
    const DataConfig config = shipped(name);
    CHECK(config.features.size() == static_cast<std::size_t>(features));
    CHECK(config.classes == jetclass);
    CHECK(config.length == 128);
  }
  CHECK(shipped("top_kin").features.size() == 7);
  CHECK(shipped("qg_kin").features.size() == 7);
}

TEST_CASE("four-vectors and the jet are all that kin reads") {
  const std::vector<std::string> columns = shipped("kin").columns(true);
  CHECK(std::set<std::string>(columns.begin(), columns.end()) ==
        std::set<std::string>{"part_px", "part_py", "part_pz", "part_energy", "jet_pt",
                              "jet_energy", "jet_eta", "jet_phi"});
}

TEST_CASE("configurations that cannot be used say where and why") {
  CHECK_THAT(error_of("inputs: [\n"), Contains("data.yaml") && Contains("line"));
  CHECK_THAT(error_of("labels: {}\n"), Contains("'inputs'"));
  CHECK_THAT(error_of("inputs:\n" + groups), Contains("pf_features.vars"));
  const std::string sound = "inputs:\n" + groups + "  pf_features: {vars: [x]}\n";
  CHECK(error_of(sound).empty());
  CHECK_THAT(error_of(sound + "new_variables: {x: np.cbrt(part_px)}\n"),
             Contains("data.yaml") && Contains("np.cbrt(part_px)") && Contains("supported"));
  CHECK_THAT(error_of(sound + "new_variable: {x: part_px}\n"),
             Contains("data.yaml: unknown key 'new_variable' (did you mean 'new_variables'?)"));
  CHECK_THAT(error_of(sound + "selection: jet_pt >\n"), Contains("data.yaml: expression 'jet_pt"));
  CHECK_THAT(error_of(sound + "bucketing: {var: jet_nparticles, bins: 4}\n"),
             Contains("bucketing") && Contains("remove the key"));
  CHECK_THAT(error_of(sound + "labels: {type: simple, value: [isTop]}\n"), Contains("'isTop'"));
  CHECK_THAT(error_of(sound + "preprocess: {data_fraction: 2}\n"), Contains("(0, 1]"));
  CHECK_THAT(error_of(sound + "preprocess: {method: auto, params: {y: {center: 1}}}\n"),
             Contains("preprocess.params has no center and scale of 'part_deta'"));
  const std::string bins = "reweight_vars: {jet_pt: [1, 2], jet_eta: [1, 2]}";
  const std::string of_classes = ", reweight_classes: [label_QCD]";
  CHECK(error_of(sound + "weights: {" + bins + of_classes + "}\n").empty());
  for (const auto& [weights, said] :
       {std::pair{bins, "as many positive class_weights"},
        {bins + of_classes + ", class_weights: [1, 2]", "as many positive class_weights"},
        {std::string("reweight_vars: {jet_pt: [1, 2]}") + of_classes, "two reweight_vars"},
        {std::string("reweight_vars: {jet_pt: [2, 1], jet_eta: [1, 2]}") + of_classes, "rising"},
        {bins + of_classes + ", reweight_method: even", "unknown reweight_method 'even'"},
        {bins + of_classes + ", reweight_threshold: ten", "line "},
        {bins + of_classes + ", class_weight: [1]", "did you mean 'class_weights'"},
        {std::string("use_precomputed_weights: true"), "needs weight_branches"}}) {
    INFO(weights);
    CHECK_THAT(error_of(sound + "weights: {" + weights + "}\n"),
               Contains("data.yaml") && Contains(said));
  }
  CHECK_THAT(error_of("inputs:\n  pf_points: {vars: [part_deta]}\n"), Contains("expected 2"));
  for (const char* variable : {"[x, 1.7, null]", "[]", "{x: 1}", "[x, some]", "[x, 0, 1, 5, -5]",
                               "[x, 0, 1, 2, 3, 4, 5]"}) {
    INFO(variable);
    CHECK_THAT(error_of("inputs:\n" + groups + "  pf_features: {vars: [y, " + variable + "]}\n"),
               Contains("line 4: inputs.pf_features.vars, entry 1: ") &&
                   Contains("[name, subtract, null or auto, multiply, low, high]"));
  }
  CHECK_THROWS_WITH(DataConfig::load("/nowhere.yaml"), Contains("no such file"));
}

TEST_CASE("what weaver found out about automatic inputs is taken") {
  const test::ScratchDir scratch;
  const auto path = scratch.path() / "data.yaml";
  const std::string inputs =
      "inputs:\n" + groups + "  pf_features: {vars: [x, [y, auto, 1, -3, 3]]}\n";
  const auto load = [&](const std::string& more) {
    std::ofstream(path) << inputs << more;
    return DataConfig::load(path);
  };
  CHECK(load("preprocess: {method: auto}\n").features[0].automatic);
  const DataConfig manual = load("");
  CHECK_FALSE(manual.features[0].automatic);
  CHECK(manual.features[1].automatic);
  std::string params = "preprocess:\n  method: auto\n  params:\n";
  for (const char* name :
       {"part_deta", "part_dphi", "part_px", "part_py", "part_pz", "part_energy", "x"}) {
    params +=
        fmt::format("    {}: {{length: 128, center: null, scale: 1, min: -5, max: 5}}\n", name);
  }
  params += "    y: {length: 128, center: 0.5, scale: 2.0, min: -3, max: 3, pad_value: 0}\n";
  const DataConfig found = load(params);
  CHECK_FALSE(found.automatic());
  CHECK_FALSE(found.features[0].subtract);
  CHECK(found.features[1].subtract == 0.5F);
  CHECK(found.features[1].multiply == 2.0F);
  CHECK(found.features[1].low == -3.0F);
}

TEST_CASE("images are not larger than memory") {
  const std::string images = "images: {channels: [x, y], shape: [2, 4096, 4096]}\n";
  CHECK_THAT(error_of(images), Contains("data.yaml: images.shape makes more than"));
  CHECK_THAT(error_of("images: {channels: [[x, auto]], shape: [1, 2, 2]}\n"),
             Contains("data.yaml: images.channels: auto"));
}

TEST_CASE("variables may use each other but not in a circle") {
  const std::string sound = "inputs:\n" + groups + "  pf_features: {vars: [x]}\nnew_variables:\n";
  CHECK_THAT(error_of(sound + "  x: x+1\n"), Contains("data.yaml") && Contains("x -> x need each"));
  CHECK_THAT(error_of(sound + "  x: y*2\n  y: part_px - x\n"), Contains("x -> y -> x need each"));
  CHECK(error_of(sound + "  x: y*z\n  y: z+1\n  z: part_px\n").empty());
  std::string many;  // ways from the first to the last: more than could be walked
  for (int i = 0; i < 100; ++i) {
    many += fmt::format("  v{}: v{} + v{}\n", i, i + 1, i + 2);
  }
  CHECK(error_of(sound + many).empty());

  const test::ScratchDir scratch;
  const auto path = scratch.path() / "data.yaml";
  std::ofstream(path) << sound << "  x: x\n";
  const std::vector<std::string> columns = DataConfig::load(path).columns(true);
  CHECK(std::find(columns.begin(), columns.end(), "x") != columns.end());
}
