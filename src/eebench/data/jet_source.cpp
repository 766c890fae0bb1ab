#include "eebench/data/jet_source.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"

namespace eebench::data {
namespace {

/// Jet columns repeated for each particle, so that formulas may mix both kinds.
void spread_to_particles(JetColumns& jets) {
  for (auto& [name, values] : jets.values) {
    if (!name.starts_with("jet_")) {
      continue;
    }
    Column spread(static_cast<std::size_t>(jets.offsets.back()));
    for (std::size_t j = 0; j + 1 < jets.offsets.size(); ++j) {
      std::fill(spread.begin() + jets.offsets[j], spread.begin() + jets.offsets[j + 1], values[j]);
    }
    values = std::move(spread);
  }
}

void add_angles(JetColumns& jets) {
  const Column& px = jets.values.at("part_px");
  const Column& py = jets.values.at("part_py");
  const Column& pz = jets.values.at("part_pz");
  const Column& jet_eta = jets.values.at("jet_eta");
  const Column& jet_phi = jets.values.at("jet_phi");
  Column deta(px.size());
  Column dphi(px.size());
  constexpr double pi = std::numbers::pi;
  for (std::size_t i = 0; i < px.size(); ++i) {
    const double eta = std::asinh(static_cast<double>(pz[i]) / std::hypot(px[i], py[i]));
    const double difference = eta - static_cast<double>(jet_eta[i]);
    deta[i] = static_cast<float>(jet_eta[i] < 0.0F ? -difference : difference);
    const double angle = std::atan2(py[i], px[i]) - static_cast<double>(jet_phi[i]) + pi;
    dphi[i] = static_cast<float>(angle - 2.0 * pi * std::floor(angle / (2.0 * pi)) - pi);
  }
  jets.values["part_deta"] = std::move(deta);
  jets.values["part_dphi"] = std::move(dphi);
}

/// Where each class of the file stands among those of the configuration.
std::vector<std::int64_t> match_classes(const JetFile& file,
                                        const std::vector<std::string>& wanted) {
  std::vector<std::int64_t> positions;
  for (const std::string& name : file.classes()) {
    const auto found = std::find(wanted.begin(), wanted.end(), name);
    if (found == wanted.end()) {
      throw InputError(fmt::format(
          "{}: class '{}' is not among the labels of the data configuration ({}); choose the "
          "configuration made for these jets, or convert them anew with --classes and these names "
          "in the order of their labels",
          file.path().string(), name, fmt::join(wanted, ", ")));
    }
    positions.push_back(found - wanted.begin());
  }
  return positions;
}

/// Formulas make infinities of finite columns, e.g. logarithms of zero.
void check_finite(const JetBatch& batch, const std::vector<float>& values,
                  const std::vector<Variable>& variables, const std::filesystem::path& path) {
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
  if (bad == values.end()) {
    return;
  }
  const auto place = static_cast<std::size_t>(bad - values.begin());
  const auto particle = static_cast<std::int64_t>(place / variables.size());
  const auto after = std::upper_bound(batch.offsets.begin(), batch.offsets.end(), particle);
  const auto jet = static_cast<std::size_t>(after - batch.offsets.begin()) - 1;
  throw InputError(
      fmt::format("{}: feature '{}' of jet {}, particle {}: {} is not a finite number; remove or "
                  "repair this jet",
                  path.string(), variables[place % variables.size()].name, batch.index[jet],
                  particle - batch.offsets[jet], *bad));
}

std::variant<JetFile, CifarFiles> open(const std::filesystem::path& path,
                                       const DataConfig& config) {
  if (!CifarFiles::match(path)) {
    if (!config.image.empty()) {
      throw InputError(fmt::format(
          "{}: the data configuration is of images; give CIFAR-10's binary files (.bin) or the "
          "folder of them, or choose a configuration of jets: --features",
          path.string()));
    }
    return JetFile(path);
  }
  if (!std::ranges::equal(config.image, CifarFiles::shape)) {
    throw InputError(fmt::format(
        "{}: holds images [{}], the data configuration is of {}; choose "
        "the one made for them, such as cifar10: --features",
        path.string(), fmt::join(CifarFiles::shape, ", "),
        config.image.empty() ? "jets" : fmt::format("[{}]", fmt::join(config.image, ", "))));
  }
  return CifarFiles(path);
}

}  // namespace

JetSource::JetSource(const std::filesystem::path& path, DataConfig config)
    : file_(open(path, config)), config_(std::move(config)) {
  if (const auto* jets = std::get_if<JetFile>(&file_)) {
    derive_angles_ = !jets->has("part_deta") || !jets->has("part_dphi");
    columns_ = config_.columns(derive_angles_);
    class_of_label_ = match_classes(*jets, classes());
    jets->read(0, 0, columns_);  // whether all are there: to be known before hours of work
  }
}

const std::filesystem::path& JetSource::path() const {
  return std::visit(
      [](const auto& file) -> const auto& { return file.path(); }, file_);
}

std::vector<std::filesystem::path> JetSource::files() const {
  const auto* images = std::get_if<CifarFiles>(&file_);
  return images != nullptr ? images->files() : std::vector{path()};
}

std::int64_t JetSource::jets() const {
  const auto* images = std::get_if<CifarFiles>(&file_);
  return images != nullptr ? images->images() : std::get<JetFile>(file_).jets();
}

const std::vector<std::string>& JetSource::classes() const {
  return config_.classes.empty()
             ? std::visit(
                   [](const auto& file) -> const auto& { return file.classes(); }, file_)
             : config_.classes;
}

JetBatch JetSource::read(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || end > jets() || begin > end) {
    throw InputError(fmt::format("{}: jets {} to {} were asked for, but it has {}; ask for no more",
                                 path().string(), begin, end, jets()));
  }
  if (const auto* images = std::get_if<CifarFiles>(&file_)) {
    return images->read(begin, end, config_.features);
  }
  JetBatch batch =
      assemble(std::get<JetFile>(file_).read(begin, end, columns_), config_, derive_angles_, begin);
  check_finite(batch, batch.features, config_.features, path());
  check_finite(batch, batch.points, config_.points, path());
  check_finite(batch, batch.vectors, config_.vectors, path());
  for (std::int64_t& label : batch.labels) {
    label = class_of_label_[static_cast<std::size_t>(label)];
  }
  return batch;
}

std::int64_t JetSource::cut(std::int64_t begin, std::int64_t end) const {
  const auto* file = std::get_if<JetFile>(&file_);
  if (file == nullptr) {
    return 0;
  }
  constexpr std::int64_t jets_per_read = 1 << 20;
  std::int64_t count = 0;
  for (std::int64_t first = begin; first < end; first += jets_per_read) {
    const JetColumns part = file->read(first, std::min(first + jets_per_read, end), {});
    for (std::size_t j = 0; j + 1 < part.offsets.size(); ++j) {
      count += part.offsets[j + 1] - part.offsets[j] > config_.length ? 1 : 0;
    }
  }
  return count;
}

JetBatch assemble(JetColumns jets, const DataConfig& config, bool derive_angles,
                  std::int64_t first) {
  spread_to_particles(jets);
  const auto particles = static_cast<std::size_t>(jets.offsets.back());
  if (derive_angles && particles > 0) {
    add_angles(jets);
  }
  // Columns by name; a defined variable is computed when it is first asked for.
  std::function<const Column&(const std::string&)> column =
      [&](const std::string& name) -> const Column& {
    for (const auto& [defined, expression] : config.new_variables) {
      if (defined == name && !jets.values.contains(name)) {
        return jets.values.emplace(name, expression.evaluate(column, particles)).first->second;
      }
    }
    return jets.values.at(name);  // read, as DataConfig::columns() asks for it
  };

  // Which particles stay.
  JetBatch batch;
  std::vector<std::size_t> kept;
  kept.reserve(particles);
  for (std::size_t j = 0; j < jets.labels.size(); ++j) {
    const std::int64_t n = jets.offsets[j + 1] - jets.offsets[j];
    const std::int64_t stay = std::min(n, config.length);
    batch.offsets.push_back(batch.offsets.back() + stay);
    batch.index.push_back(first + static_cast<std::int64_t>(j));
    for (std::int64_t p = 0; p < stay; ++p) {
      kept.push_back(static_cast<std::size_t>(jets.offsets[j] + p));
    }
  }
  batch.labels = std::move(jets.labels);
  batch.features_per_particle = config.features.size();
  const auto fill = [&](const std::vector<Variable>& variables, std::vector<float>& out) {
    out.resize(kept.size() * variables.size());
    for (std::size_t v = 0; v < variables.size(); ++v) {
      const Column& raw = column(variables[v].name);
      for (std::size_t i = 0; i < kept.size(); ++i) {
        out[i * variables.size() + v] = variables[v].standardise(raw[kept[i]]);
      }
    }
  };
  fill(config.features, batch.features);
  fill(config.points, batch.points);
  fill(config.vectors, batch.vectors);
  return batch;
}

JetBatch select(const JetBatch& batch, std::span<const std::int64_t> positions) {
  JetBatch chosen;
  chosen.features_per_particle = batch.features_per_particle;
  const auto copy = [](const std::vector<float>& from, std::vector<float>& to, std::int64_t begin,
                       std::int64_t end, std::size_t columns) {
    const auto width = static_cast<std::int64_t>(columns);
    to.insert(to.end(), from.begin() + begin * width, from.begin() + end * width);
  };
  for (const std::int64_t position : positions) {
    const auto j = static_cast<std::size_t>(position);
    const std::int64_t begin = batch.offsets[j];
    const std::int64_t end = batch.offsets[j + 1];
    copy(batch.features, chosen.features, begin, end, batch.features_per_particle);
    copy(batch.points, chosen.points, begin, end, 2);
    copy(batch.vectors, chosen.vectors, begin, end, 4);
    chosen.offsets.push_back(chosen.offsets.back() + end - begin);
    chosen.labels.push_back(batch.labels[j]);
    chosen.index.push_back(batch.index[j]);
  }
  return chosen;
}

void append(JetBatch& batch, const JetBatch& more) {
  const std::int64_t base = batch.offsets.back();
  batch.features_per_particle = more.features_per_particle;
  for (std::size_t j = 1; j < more.offsets.size(); ++j) {
    batch.offsets.push_back(base + more.offsets[j]);
  }
  const auto join = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  join(batch.features, more.features);
  join(batch.points, more.points);
  join(batch.vectors, more.vectors);
  join(batch.labels, more.labels);
  join(batch.index, more.index);
}

}  // namespace eebench::data
