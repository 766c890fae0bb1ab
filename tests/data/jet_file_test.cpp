#include "eebench/data/jet_file.hpp"

#include <fstream>
#include <functional>
#include <limits>
#include <sstream>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/data/data_info.hpp"
#include "tests/data/jet_file_writer.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using data::JetFile;
using test::JetFileContent;

namespace {

const std::vector<std::string> kinematics{"part_px", "part_py", "part_pz", "part_energy", "jet_pt"};

/// The error of opening and reading a whole file; empty where there is none.
std::string error_of(const std::filesystem::path& path) {
  try {
    const JetFile file(path);
    file.read(0, file.jets(), kinematics);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string error_of(const std::function<void(JetFileContent&)>& spoil) {
  const test::ScratchDir scratch;
  JetFileContent content;
  spoil(content);
  content.write(scratch.path() / "jets.h5");
  const std::string error = error_of(scratch.path() / "jets.h5");
  CHECK(error.find('\n') == std::string::npos);
  if (!error.empty()) {
    CHECK_THAT(error, Contains("jets.h5"));
  }
  return error;
}

}  // namespace

TEST_CASE("a range of jets is read as it stands") {
  const test::ScratchDir scratch;
  JetFileContent().write(scratch.path() / "jets.h5");
  const JetFile file(scratch.path() / "jets.h5");
  CHECK(file.jets() == 3);
  CHECK(file.classes() == std::vector<std::string>{"QCD", "Hbb"});
  const data::JetColumns jets = file.read(1, 3, kinematics);
  CHECK(jets.offsets == std::vector<std::int64_t>{0, 1, 4});
  CHECK(jets.labels == std::vector<std::int64_t>{1, 0});
  CHECK(jets.values.at("part_px") == Column{50, 10, 9, 8});
  CHECK(jets.values.at("jet_pt") == Column{50.3F, 34});
  CHECK(file.read(1, 1, kinematics).labels.empty());
}

TEST_CASE("bad jet files are refused in one line with dataset, index and remedy") {
  CHECK(error_of([](JetFileContent&) {}).empty());
  CHECK_THAT(error_of([](JetFileContent& c) { c.columns["part_py"][4] = std::nanf(""); }),
             Contains("'part_py', index 4") && Contains("nan") && Contains("repair"));
  CHECK_THAT(error_of([](JetFileContent& c) {
               c.columns["jet_pt"][1] = std::numeric_limits<float>::infinity();
             }),
             Contains("'jet_pt', index 1") && Contains("inf"));
  CHECK_THAT(
      error_of([](JetFileContent& c) { c.columns["part_px"][4] = c.columns["part_py"][4] = 0; }),
      Contains("'part_px', index 4") && Contains("transverse") && Contains("remove"));
  CHECK_THAT(error_of([](JetFileContent& c) {
               c.offsets = {0, 2, 2, 6};
             }),
             Contains("'offsets', index 2") && Contains("jet 1 has 0") && Contains("drop empty"));
  CHECK_THAT(error_of([](JetFileContent& c) {
               c.offsets = {0, 4, 3, 6};
             }),
             Contains("'offsets', index 2") && Contains("jet 1") && Contains("convert"));
  CHECK_THAT(error_of([](JetFileContent& c) {
               c.offsets = {1, 2, 3, 6};
             }),
             Contains("'offsets', index 0"));
  CHECK_THAT(error_of([](JetFileContent& c) {
               c.offsets = {0, 2, 3, 7};
             }),
             Contains("'part_px'") && Contains("6 entries, expected 7"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.offsets = {0}; }), Contains("'offsets'"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.columns.erase("part_pz"); }),
             Contains("no dataset 'part_pz'") && Contains("column"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.columns["part_energy"].pop_back(); }),
             Contains("'part_energy'") && Contains("5 entries, expected 6"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.label[2] = 2; }),
             Contains("'label', index 2") && Contains("2 classes"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.label[0] = -1; }), Contains("'label', index 0"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.label.clear(); }), Contains("'label'"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.label.push_back(0); }),
             Contains("'label' has 4 entries"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.classes.clear(); }), Contains("'classes'"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.classes[1] = "QCD"; }),
             Contains("'classes' names 'QCD' twice"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.columns["part_energy"][2] = 0; }),
             Contains("'part_energy', index 2: 0 is not above 0") && Contains("repair"));
  CHECK_THAT(error_of([](JetFileContent& c) { c.columns["jet_pt"][1] = -3; }),
             Contains("'jet_pt', index 1: -3 is not above 0") && Contains("repair"));
}

TEST_CASE("another version, and a group where a column may be, are refused with their remedy") {
  const test::ScratchDir scratch;
  const auto path = scratch.path() / "jets.h5";
  JetFileContent().write(path);
  const auto change = [&](const std::function<void(h5::File&)>& action) {
    h5::File file = h5::File::open_writable(path);
    action(file);
    file.close();
  };
  change([](h5::File& file) { file.set_attribute("format_version", std::int64_t{1}); });
  CHECK(data::describe(JetFile(path)).jets == 3);
  change([](h5::File& file) { file.array<float>("part_d0val/values", {6}); });
  CHECK_THROWS_WITH(data::describe(JetFile(path)), Contains("jets.h5: 'part_d0val' is a group") &&
                                                       Contains("make the file again"));
  change([](h5::File& file) { file.set_attribute("format_version", std::int64_t{2}); });
  CHECK_THROWS_WITH(JetFile(path), Contains("jets.h5: attribute 'format_version' is 2") &&
                                       Contains("reads version 1") && Contains("convert"));
}

TEST_CASE("files that are missing, cut short or something else are refused by name") {
  const test::ScratchDir scratch;
  CHECK_THAT(error_of(scratch.path() / "none.h5"), Contains("none.h5"));
  std::ofstream(scratch.path() / "text.h5") << "jets, jets, jets\n";
  CHECK_THAT(error_of(scratch.path() / "text.h5"), Contains("text.h5"));
  std::stringstream bytes;
  bytes << std::ifstream(test::data("qg_200.h5"), std::ios::binary).rdbuf();
  const std::string whole = bytes.str();
  REQUIRE(whole.size() > 100'000);
  for (const double share : {0.001, 0.5, 0.999}) {
    std::ofstream(scratch.path() / "short.h5", std::ios::binary)
        << whole.substr(0, static_cast<std::size_t>(share * static_cast<double>(whole.size())));
    CHECK_THAT(error_of(scratch.path() / "short.h5"), Contains("short.h5"));
  }
}

TEST_CASE("what a jet file holds is counted") {
  const data::DataInfo info = data::describe(JetFile(test::data("jetclass_150.h5")), 60);
  CHECK(info.jets == 150);
  REQUIRE(info.classes.size() == 10);
  std::int64_t jets = 0;
  for (const data::ClassCount& entry : info.classes) {
    jets += entry.jets;
  }
  CHECK(jets == 150);
  // Counted with numpy.
  CHECK(info.particles == 5751);
  CHECK(info.classes[0].jets == 18);
  CHECK(info.above_limit == 9);
  REQUIRE(info.multiplicity.size() == 7);
  CHECK(info.multiplicity.front().particles == 8);
  CHECK(info.multiplicity[3].particles == 37);
  CHECK(info.multiplicity.back().particles == 77);
  CHECK(info.sha256 == "be7a22cee77af4b91460c5758b9ecf18dcbdf87bf680b844011ecbd1a747f7b5");
  CHECK_THAT(info.source, Contains("tim-legge/ParT_Interpretability"));
}

TEST_CASE("the first jet that is not in falling pT is found, whichever chunk it is in") {
  const test::ScratchDir scratch;
  JetFileContent content;
  const auto found = [&] {
    content.write(scratch.path() / "jets.h5");
    return data::describe(JetFile(scratch.path() / "jets.h5")).first_unsorted;
  };
  CHECK(found() == -1);
  content.columns["part_px"][5] =
      9.4F;  // with py = 3 behind (9, -4): above it by less than 2 in 1000
  CHECK(found() == 2);
  content.columns["part_px"][5] = std::sqrt(97.0F - 9.0F) * 1.00005F;
  CHECK(found() == -1);

  // Jets of two equal particles, more than are read at once.
  constexpr std::size_t jets = 9000;
  content.offsets.resize(1);
  content.label.assign(jets, 0);
  for (std::size_t j = 1; j <= jets; ++j) {
    content.offsets.push_back(static_cast<std::int64_t>(2 * j));
  }
  for (auto& [name, values] : content.columns) {
    values.assign(name.starts_with("part_") ? 2 * jets : jets, 2.0F);
  }
  CHECK(found() == -1);
  content.columns["part_py"][2 * 8500 + 1] = 3.0F;
  CHECK(found() == 8500);
}

TEST_CASE("quantiles are the smallest multiplicities that cover their share") {
  const test::ScratchDir scratch;
  JetFileContent().write(scratch.path() / "jets.h5");
  const data::DataInfo info = data::describe(JetFile(scratch.path() / "jets.h5"), 2);
  std::vector<std::int64_t> particles;
  for (const data::MultiplicityQuantile& quantile : info.multiplicity) {
    particles.push_back(quantile.particles);
  }
  CHECK(particles == std::vector<std::int64_t>{1, 1, 1, 2, 3, 3, 3});
  CHECK(info.mean_multiplicity == 2.0);
  CHECK(info.above_limit == 1);
}

TEST_CASE("the full validation sample is sound") {
  if (test::full_samples().empty()) {
    WARN("skipped: EEBENCH_TEST_DATA names no folder with the full samples");
    return;
  }
  const data::DataInfo info =
      data::describe(JetFile(test::full_samples() / "generated" / "jets_val.h5"));
  CHECK(info.jets == 10'000);
  CHECK(info.particle_columns.size() == 14);
}
