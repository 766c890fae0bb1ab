#include <algorithm>
#include <cmath>
#include <fstream>

#include <catch2/catch.hpp>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/automatic.hpp"
#include "eebench/data/jet_source.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/scratch_dir.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using comm::Communicator;
using data::DataConfig;

namespace {

const std::string configuration =
    "new_variables:\n"
    "  part_pt_log: np.log(np.hypot(part_px, part_py))\n"
    "  part_deltaR: np.hypot(part_deta, part_dphi)\n"
    "selection: jet_pt > 600\n"
    "preprocess: {method: auto, data_fraction: 0.5}\n"
    "inputs:\n"
    "  pf_points: {length: 128, pad_mode: wrap, vars: [[part_deta, null], [part_dphi, null]]}\n"
    "  pf_features: {length: 128, vars: [part_pt_log, [part_deltaR, 0.2, 4.0], part_isElectron]}\n"
    "  pf_vectors: {length: 128, vars: [[part_px, null], [part_py, null], [part_pz, null], "
    "[part_energy, null]]}\n"
    "  pf_mask: {length: 128, vars: [part_mask]}\n";

/// In a folder that all ranks share.
std::filesystem::path write_configuration(const Communicator& comm, const test::ScratchDir& own) {
  const std::filesystem::path folder = comm.broadcast(own.path().string());
  if (comm.is_root()) {
    std::ofstream(folder / "X.yaml") << configuration;
  }
  comm.barrier();
  return folder / "X.yaml";
}

/// As numpy.percentile.
double percentile(std::vector<float> values, double percent) {
  std::sort(values.begin(), values.end());
  const double place = percent / 100.0 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  return std::lerp(values[below], values[std::min(below + 1, values.size() - 1)],
                   place - std::floor(place));
}

}  // namespace

TEST_CASE("numbers of automatic inputs are median and percentiles, whatever the number of ranks") {
  const Communicator world = Communicator::world();
  const test::ScratchDir scratch;
  const auto jets = test::data("jets_test_250.h5");
  const auto yaml = write_configuration(world, scratch);
  const DataConfig config = DataConfig::load(yaml);
  bool good = config.automatic();
  std::vector<std::string> said;
  const auto say = [&](const std::string& line) { said.push_back(line); };
  const auto file = find_numbers(config, jets, yaml.parent_path() / "out", world, say);
  good = good && file == data::automatic_file(yaml) && !file.empty();
  const DataConfig found = DataConfig::load(file);
  good = good && !found.automatic();

  // By sorting all of them.
  const data::JetColumns all = data::JetFile(jets).read(0, 125, {"part_px", "part_py", "jet_pt"});
  std::vector<float> values;
  for (std::size_t j = 0; j < 125; ++j) {
    for (auto p = static_cast<std::size_t>(all.offsets[j]);
         all.values.at("jet_pt")[j] > 600.0F && p < static_cast<std::size_t>(all.offsets[j + 1]);
         ++p) {
      values.push_back(
          std::log(std::hypot(all.values.at("part_px")[p], all.values.at("part_py")[p])));
    }
  }
  const double center = percentile(values, 50.0);
  const double width =
      std::max(percentile(values, 84.0) - center, center - percentile(values, 16.0));
  const data::Variable& pt = found.features[0];
  good = good && pt.subtract == static_cast<float>(center) &&
         pt.multiply == static_cast<float>(1.0 / width);
  good = good && found.features[1].subtract == 0.2F && found.features[1].multiply == 4.0F;
  // Few are electrons: no width, so nothing is multiplied.
  good = good && found.features[2].subtract == 0.0F && found.features[2].multiply == 1.0F;
  good = good && !found.points[0].subtract && !found.vectors[0].subtract;

  // What one rank writes, byte by byte.
  const auto alone = scratch.path() / "alone";
  std::filesystem::create_directory(alone);
  std::filesystem::copy_file(yaml, alone / "X.yaml");
  const DataConfig same = DataConfig::load(alone / "X.yaml");
  const auto second = find_numbers(same, jets, alone, Communicator(), say);
  good = good && sha256_file(second) == sha256_file(file);

  // Found again.
  said.clear();
  good = good && find_numbers(config, jets, alone, world, say) == file;
  good = good && (!world.is_root() || said.front().find("which is there") != std::string::npos);
  CHECK(world.all(good));
  world.barrier();
}

TEST_CASE("nothing to look at is an error on every rank") {
  const Communicator world = Communicator::world();
  const test::ScratchDir scratch;
  const auto yaml = write_configuration(world, scratch);
  DataConfig config = DataConfig::load(yaml);
  config.selection.emplace("jet_pt > 100000");
  std::string error;
  try {
    find_numbers(config, test::data("jets_test_250.h5"), yaml.parent_path(), world,
                 [](const std::string&) {});
  } catch (const InputError& input) {
    error = input.what();
  }
  CHECK(world.all(error.find("keeps none of the first 125 jets") != std::string::npos));
  world.barrier();
}

TEST_CASE("jets are not read by a configuration whose numbers are not known") {
  const Communicator world = Communicator::world();
  const test::ScratchDir scratch;
  const auto yaml = write_configuration(world, scratch);
  std::string error;
  try {
    const data::JetSource source(test::data("jets_test_250.h5"), DataConfig::load(yaml));
  } catch (const InputError& input) {
    error = input.what();
  }
  CHECK(world.all(error.find(data::automatic_file(yaml).filename()) != std::string::npos));
  world.barrier();
}
