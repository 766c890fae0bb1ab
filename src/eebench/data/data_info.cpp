#include "eebench/data/data_info.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "eebench/core/digest.hpp"

namespace eebench::data {
namespace {

constexpr std::int64_t jets_per_read = 8192;
constexpr std::array needed{"part_px", "part_py", "part_pz", "part_energy",
                            "jet_pt",  "jet_eta", "jet_phi", "jet_energy"};
constexpr std::array levels{0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0};

/// From the number of jets at each multiplicity.
std::vector<MultiplicityQuantile> quantiles(const std::vector<std::int64_t>& jets_with,
                                            std::int64_t jets) {
  std::vector<MultiplicityQuantile> result;
  for (const double level : levels) {
    const auto wanted = std::max(
        std::int64_t{1}, static_cast<std::int64_t>(std::ceil(level * static_cast<double>(jets))));
    std::size_t n = 0;
    std::int64_t seen = jets_with[0];
    while (seen < wanted) {
      seen += jets_with[++n];
    }
    result.push_back({level, static_cast<std::int64_t>(n)});
  }
  return result;
}

/// The first of these jets, which begin at jet `begin` of the file, with a constituent of more pT
/// than the one before it; -1 for none.
std::int64_t first_unsorted(const JetColumns& jets, std::int64_t begin) {
  constexpr float rounding = 1e-4F;
  const Column& px = jets.values.at("part_px");
  const Column& py = jets.values.at("part_py");
  for (std::size_t j = 0; j + 1 < jets.offsets.size(); ++j) {
    const auto end = static_cast<std::size_t>(jets.offsets[j + 1]);
    for (auto p = static_cast<std::size_t>(jets.offsets[j]) + 1; p < end; ++p) {
      if (std::hypot(px[p], py[p]) > (1.0F + rounding) * std::hypot(px[p - 1], py[p - 1])) {
        return begin + static_cast<std::int64_t>(j);
      }
    }
  }
  return -1;
}

}  // namespace

DataInfo describe(const JetFile& file, std::int64_t limit) {
  DataInfo info;
  info.jets = file.jets();
  info.limit = limit;
  info.source = file.source();
  for (const std::string& name : file.classes()) {
    info.classes.push_back({name, 0});
  }
  // What every network needs is read, and missed, even where the file has it not.
  std::vector<std::string> columns;
  for (const char* name : needed) {
    if (!file.has(name)) {
      columns.emplace_back(name);
    }
  }
  for (const std::string& name : file.columns()) {
    const bool per_particle = name.starts_with("part_");
    if (per_particle || name.starts_with("jet_")) {
      (per_particle ? info.particle_columns : info.jet_columns).push_back(name);
      columns.push_back(name);
    }
  }
  std::vector<std::int64_t> jets_with(1, 0);
  for (std::int64_t begin = 0; begin < info.jets; begin += jets_per_read) {
    const JetColumns jets = file.read(begin, std::min(begin + jets_per_read, info.jets), columns);
    info.particles += jets.offsets.back();
    if (info.first_unsorted < 0) {
      info.first_unsorted = first_unsorted(jets, begin);
    }
    for (std::size_t j = 0; j < jets.labels.size(); ++j) {
      ++info.classes[static_cast<std::size_t>(jets.labels[j])].jets;
      const std::int64_t n = jets.offsets[j + 1] - jets.offsets[j];
      info.above_limit += n > limit ? 1 : 0;
      jets_with.resize(std::max(jets_with.size(), static_cast<std::size_t>(n) + 1));
      ++jets_with[static_cast<std::size_t>(n)];
    }
  }
  info.mean_multiplicity = static_cast<double>(info.particles) / static_cast<double>(info.jets);
  info.multiplicity = quantiles(jets_with, info.jets);
  info.bytes = std::filesystem::file_size(file.path());
  info.sha256 = sha256_file(file.path());
  return info;
}

ImageInfo describe(const CifarFiles& files) {
  ImageInfo info;
  info.images = files.images();
  for (const std::string& name : files.classes()) {
    info.classes.push_back({name, 0});
  }
  for (std::int64_t begin = 0; begin < info.images; begin += jets_per_read) {
    for (const std::int64_t label :
         files.labels(begin, std::min(begin + jets_per_read, info.images))) {
      ++info.classes[static_cast<std::size_t>(label)].jets;
    }
  }
  std::vector<std::string> digests;
  for (const auto& file : files.files()) {
    info.bytes += std::filesystem::file_size(file);
    digests.push_back(sha256_file(file));
  }
  info.sha256 = joint_sha256(digests);
  return info;
}

}  // namespace eebench::data
