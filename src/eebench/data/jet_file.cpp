#include "eebench/data/jet_file.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/data/pmu.hpp"

namespace eebench::data {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw InputError(fmt::format("{}: {}", path.string(), what));
}

constexpr std::int64_t format_version = 1;
constexpr const char* convert_again =
    "make the file again with `python -m eebench_analysis convert`";

[[noreturn]] void fail_missing(const std::filesystem::path& path, const std::string& name) {
  fail(path, fmt::format("no dataset '{}', which the chosen features need; choose features that "
                         "the file has (kin needs part_px, part_py, part_pz, part_energy, jet_pt, "
                         "jet_eta, jet_phi and jet_energy) or add the column",
                         name));
}

h5::Dataset open_column(const h5::File& file, const std::filesystem::path& path,
                        const std::string& name, std::int64_t expected) {
  if (!file.has(name)) {
    fail_missing(path, name);
  }
  h5::Dataset dataset = file.dataset(name);
  if (dataset.length() != static_cast<hsize_t>(expected)) {
    fail(path, fmt::format("dataset '{}' has {} entries, expected {}; {}", name, dataset.length(),
                           expected, convert_again));
  }
  return dataset;
}

}  // namespace

JetFile::JetFile(std::filesystem::path path)
    : path_(std::move(path)),
      file_(h5::File::open(path_)),
      pmu_(file_.has("Pmu") && !file_.has("offsets")) {
  if (pmu_) {
    jets_ = count_pmu(file_, path_);
    classes_ = {"QCD", "top"};
    return;
  }
  for (const char* name : {"offsets", "label"}) {
    if (!file_.has(name)) {
      fail(path_, fmt::format(
                      "no dataset '{}', so this is not a jet file of eebench, nor has it PELICAN's "
                      "'Pmu'; convert it with `python -m eebench_analysis convert`",
                      name));
    }
  }
  if (file_.has_attribute("format_version")) {
    if (const auto version = file_.attribute<std::int64_t>("format_version");
        version != format_version) {
      fail(path_, fmt::format("attribute 'format_version' is {}, but this eebench reads version "
                              "{}; {} of this eebench",
                              version, format_version, convert_again));
    }
  }
  const h5::Dataset offsets = file_.dataset("offsets");
  if (offsets.length() < 2) {
    fail(path_, fmt::format("dataset 'offsets' holds no jet; {}", convert_again));
  }
  jets_ = static_cast<std::int64_t>(offsets.length()) - 1;
  particles_ = offsets.read<std::int64_t>({static_cast<hsize_t>(jets_)}, {1}).front();
  if (offsets.read<std::int64_t>({0}, {1}).front() != 0) {
    fail(path_, fmt::format("dataset 'offsets', index 0: must be 0; {}", convert_again));
  }
  if (file_.dataset("label").length() != static_cast<hsize_t>(jets_)) {
    fail(path_, fmt::format("dataset 'label' has {} entries for {} jets; {}",
                            file_.dataset("label").length(), jets_, convert_again));
  }
  if (!file_.has_attribute("classes")) {
    fail(path_,
         fmt::format("no attribute 'classes' with the names of the classes; {}", convert_again));
  }
  classes_ = file_.attribute<std::vector<std::string>>("classes");
  std::vector<std::string> sorted = classes_;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) {
    fail(path_,
         fmt::format("attribute 'classes' names '{}' twice; give each class a name of its own",
                     *twice));
  }
}

std::string JetFile::source() const {
  return file_.has_attribute("source") ? file_.attribute<std::string>("source") : "";
}

std::vector<std::string> JetFile::columns() const {
  return pmu_ ? std::vector<std::string>(pmu_columns.begin(), pmu_columns.end()) : file_.names();
}

bool JetFile::has(const std::string& column) const {
  return pmu_ ? std::find(pmu_columns.begin(), pmu_columns.end(), column) != pmu_columns.end()
              : file_.has(column);
}

void JetFile::check_transverse(const JetColumns& jets, std::int64_t start) const {
  const auto px = jets.values.find("part_px");
  const auto py = jets.values.find("part_py");
  if (px == jets.values.end() || py == jets.values.end()) {
    return;
  }
  for (std::size_t i = 0; i < px->second.size(); ++i) {
    if (px->second[i] == 0.0F && py->second[i] == 0.0F) {
      fail(path_, fmt::format("dataset 'part_px', index {}: 0 like part_py, so the particle has no "
                              "transverse momentum to take the logarithm of; remove it or the jet",
                              start + static_cast<std::int64_t>(i)));
    }
  }
}

JetColumns JetFile::read(std::int64_t begin, std::int64_t end,
                         const std::vector<std::string>& names) const {
  if (pmu_) {
    for (const std::string& name : names) {
      if (!has(name)) {
        fail_missing(path_, name);
      }
    }
    return read_pmu(file_, path_, begin, std::max(begin, end), names);
  }
  const auto is_per_jet = [](const std::string& name) { return name.starts_with("jet_"); };
  std::vector<h5::Dataset> datasets;
  datasets.reserve(names.size());
  for (const std::string& name : names) {
    datasets.push_back(open_column(file_, path_, name, is_per_jet(name) ? jets_ : particles_));
  }
  JetColumns jets;
  if (begin >= end) {
    return jets;
  }
  const auto first = static_cast<hsize_t>(begin);
  const auto count = static_cast<hsize_t>(end - begin);
  jets.offsets = file_.dataset("offsets").read<std::int64_t>({first}, {count + 1});
  const std::int64_t start = jets.offsets.front();
  for (std::size_t j = 0; j < count; ++j) {
    const std::int64_t n = jets.offsets[j + 1] - jets.offsets[j];
    if (n <= 0 || start < 0 || jets.offsets[j + 1] > particles_) {
      fail(path_, fmt::format("dataset 'offsets', index {}: jet {} has {} particles; {}",
                              begin + static_cast<std::int64_t>(j) + 1,
                              begin + static_cast<std::int64_t>(j), n,
                              n == 0 ? "drop empty jets" : convert_again));
    }
  }
  const auto particles = static_cast<hsize_t>(jets.offsets.back() - start);
  for (std::int64_t& offset : jets.offsets) {
    offset -= start;
  }
  // As they may be stored: a fraction is not to be rounded in silence.
  const std::vector<double> labels = file_.dataset("label").read<double>({first}, {count});
  for (std::size_t j = 0; j < count; ++j) {
    const double label = labels[j];
    if (!(label >= 0.0 && label < static_cast<double>(classes_.size())) ||
        label != std::floor(label)) {
      fail(path_, fmt::format("dataset 'label', index {}: {} is not one of the {} classes in the "
                              "attribute 'classes'; correct the label or the attribute",
                              begin + static_cast<std::int64_t>(j), label, classes_.size()));
    }
    jets.labels.push_back(static_cast<std::int64_t>(label));
  }
  for (std::size_t n = 0; n < names.size(); ++n) {
    const std::string& name = names[n];
    const bool positive = name == "part_energy" || name == "jet_pt" || name == "jet_energy";
    const bool per_jet = is_per_jet(name);
    const hsize_t from = per_jet ? first : static_cast<hsize_t>(start);
    Column values = datasets[n].read<float>({from}, {per_jet ? count : particles});
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) {
        fail(path_,
             fmt::format("dataset '{}', index {}: {} is not a finite number; remove or repair "
                         "this jet",
                         name, from + i, values[i]));
      }
      if (positive && values[i] <= 0.0F) {
        fail(path_,
             fmt::format("dataset '{}', index {}: {} is not above 0, so it has no logarithm; "
                         "remove or repair this jet",
                         name, from + i, values[i]));
      }
    }
    jets.values.emplace(name, std::move(values));
  }
  check_transverse(jets, start);
  return jets;
}

}  // namespace eebench::data
