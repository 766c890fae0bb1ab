#include "eebench/data/jet_source.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"
#include "eebench/data/automatic.hpp"
#include "eebench/data/jet_values.hpp"

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

constexpr std::int64_t jets_per_read = 8192;

/// Where each class of the file stands among those of the configuration; -1 for none.
std::vector<std::int64_t> match_classes(const std::vector<std::string>& classes,
                                        const std::vector<std::string>& wanted) {
  std::vector<std::int64_t> positions;
  for (const std::string& name : classes) {
    const auto found = std::find(wanted.begin(), wanted.end(), name);
    positions.push_back(found == wanted.end() ? -1 : found - wanted.begin());
  }
  return positions;
}

/// Those at these rising positions.
JetColumns take(const JetColumns& jets, std::span<const std::int64_t> positions) {
  JetColumns taken;
  for (const std::int64_t position : positions) {
    const auto j = static_cast<std::size_t>(position);
    taken.labels.push_back(jets.labels[j]);
    taken.offsets.push_back(taken.offsets.back() + jets.offsets[j + 1] - jets.offsets[j]);
  }
  for (const auto& [name, values] : jets.values) {
    Column& column = taken.values[name];
    const bool per_jet = name.starts_with("jet_");
    for (const std::int64_t position : positions) {
      const auto j = static_cast<std::size_t>(position);
      const std::int64_t begin = per_jet ? position : jets.offsets[j];
      const std::int64_t end = per_jet ? position + 1 : jets.offsets[j + 1];
      column.insert(column.end(), values.begin() + begin, values.begin() + end);
    }
  }
  return taken;
}

/// Formulas make infinities of finite columns, e.g. logarithms of zero.
void check_finite(const JetSource& source, const JetBatch& batch, const std::vector<float>& values,
                  const std::vector<Variable>& variables) {
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
                  source.path().string(), variables[place % variables.size()].name,
                  source.place(batch.index[jet]), particle - batch.offsets[jet], *bad));
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

JetSource::JetSource(const std::filesystem::path& path, DataConfig config, Use use)
    : file_(open(path, config)), config_(std::move(config)) {
  const auto* file = std::get_if<JetFile>(&file_);
  if (file == nullptr) {
    return;
  }
  if (config_.automatic()) {
    throw InputError(fmt::format(
        "{}: preprocess: the numbers of method auto are not known yet; eebench train --data-config "
        "leaves them in {}, which the weights then name",
        config_.file.string(), automatic_file(config_.file).filename().string()));
  }
  derive_angles_ = !file->has("part_deta") || !file->has("part_dphi");
  columns_ = config_.columns(derive_angles_);
  if (const auto& selection = use == Use::testing ? config_.test_selection : config_.selection) {
    select_jets(*selection);
  }
  const bool plain =
      std::none_of(config_.labels.begin(), config_.labels.end(), [&](const Expression& label) {
        return !label.text().starts_with("label_") || config_.defined(label.text()) != nullptr;
      });
  if (plain) {
    class_of_label_ = match_classes(file->classes(), classes());
    const auto missing = std::find(class_of_label_.begin(), class_of_label_.end(), -1);
    if (missing != class_of_label_.end() && !selected_) {
      throw InputError(fmt::format(
          "{}: class '{}' is not among the labels of the data configuration ({}); choose the "
          "configuration made for these jets, or one with a selection, or convert them anew with "
          "--classes and these names in the order of their labels",
          path.string(),
          file->classes()[static_cast<std::size_t>(missing - class_of_label_.begin())],
          fmt::join(classes(), ", ")));
    }
  }
  // Whether all columns are there: to be known before hours of work.
  file->read(0, 0, columns_);
  if (!plain) {
    jet_values(*file, config_, "labels", config_.labels, 0, 0);
  }
  if (use == Use::training && config_.weights) {
    const std::vector<float> weights = jet_weights(*file, config_, places());
    try {
      draws_.emplace(weights);
    } catch (const InputError& error) {
      throw InputError(fmt::format("{}: {}", config_.file.string(), error.what()));
    }
  }
}

void JetSource::select_jets(const Expression& selection) {
  const auto& file = std::get<JetFile>(file_);
  selection_ = selection.text();
  selected_.emplace();
  for (std::int64_t first = 0; first < file.jets(); first += jets_per_read) {
    const std::int64_t last = std::min(first + jets_per_read, file.jets());
    const std::vector<bool> kept = selected(file, config_, selection, first, last);
    for (std::size_t j = 0; j < kept.size(); ++j) {
      if (kept[j]) {
        selected_->push_back(first + static_cast<std::int64_t>(j));
      }
    }
  }
  if (selected_->empty()) {
    throw InputError(fmt::format("{}: selection '{}' leaves no jet of {}; correct it",
                                 config_.file.string(), selection_, path().string()));
  }
}

std::vector<std::int64_t> JetSource::places() const {
  if (selected_) {
    return *selected_;
  }
  std::vector<std::int64_t> all(static_cast<std::size_t>(jets()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::string JetSource::selection_line() const {
  return selected_ ? fmt::format("{}: the selection '{}' keeps {} of {} jets", path().string(),
                                 selection_, jets(), std::get<JetFile>(file_).jets())
                   : "";
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
  if (selected_) {
    return static_cast<std::int64_t>(selected_->size());
  }
  const auto* images = std::get_if<CifarFiles>(&file_);
  return images != nullptr ? images->images() : std::get<JetFile>(file_).jets();
}

const std::vector<std::string>& JetSource::classes() const {
  return config_.classes.empty()
             ? std::visit(
                   [](const auto& file) -> const auto& { return file.classes(); }, file_)
             : config_.classes;
}

void JetSource::for_each_piece(
    std::int64_t begin, std::int64_t end, const std::vector<std::string>& columns,
    const std::function<void(JetColumns jets, std::int64_t first)>& piece) const {
  const auto& file = std::get<JetFile>(file_);
  for (std::int64_t i = begin; i < end;) {
    const std::int64_t first = i;
    const std::int64_t origin = place(i);
    std::vector<std::int64_t> positions;
    for (; i < end && place(i) < origin + jets_per_read; ++i) {
      positions.push_back(place(i) - origin);
    }
    JetColumns read = file.read(origin, origin + positions.back() + 1, columns);
    piece(selected_ ? take(read, positions) : std::move(read), first);
  }
}

std::vector<std::int64_t> JetSource::labels_of(const JetColumns& jets, std::int64_t begin) const {
  const auto& file = std::get<JetFile>(file_);
  std::vector<std::int64_t> labels;
  if (!class_of_label_.empty()) {
    for (const std::int64_t label : jets.labels) {
      labels.push_back(class_of_label_[static_cast<std::size_t>(label)]);
    }
  } else {
    const std::int64_t first = place(begin);
    const std::int64_t last = place(begin + static_cast<std::int64_t>(jets.labels.size()) - 1) + 1;
    const std::vector<Column> members =
        jet_values(file, config_, "labels", config_.labels, first, last);
    for (std::size_t j = 0; j < jets.labels.size(); ++j) {
      const auto at = static_cast<std::size_t>(place(begin + static_cast<std::int64_t>(j)) - first);
      std::int64_t label = -1;
      float sum = 0.0F;
      for (std::size_t c = 0; c < members.size(); ++c) {
        sum += members[c][at];
        label = members[c][at] == 1.0F ? static_cast<std::int64_t>(c) : label;
      }
      labels.push_back(sum == 1.0F ? label : -1);
    }
  }
  if (const auto none = std::find(labels.begin(), labels.end(), -1); none != labels.end()) {
    const auto j = none - labels.begin();
    throw InputError(fmt::format(
        "{}: jet {}, of class '{}', is not of one class alone among the labels of the data "
        "configuration ({}); leave it out by the selection or correct the labels",
        path().string(), place(begin + j),
        file.classes()[static_cast<std::size_t>(jets.labels[static_cast<std::size_t>(j)])],
        fmt::join(classes(), ", ")));
  }
  return labels;
}

JetBatch JetSource::read(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || end > jets() || begin > end) {
    throw InputError(fmt::format("{}: jets {} to {} were asked for, but it has {}; ask for no more",
                                 path().string(), begin, end, jets()));
  }
  if (const auto* images = std::get_if<CifarFiles>(&file_)) {
    return images->read(begin, end, config_.features);
  }
  JetBatch batch;
  batch.features_per_particle = config_.features.size();
  for_each_piece(begin, end, columns_, [&](JetColumns jets, std::int64_t first) {
    std::vector<std::int64_t> labels = labels_of(jets, first);
    JetBatch piece = assemble(std::move(jets), config_, derive_angles_, first);
    check_finite(*this, piece, piece.features, config_.features);
    check_finite(*this, piece, piece.points, config_.points);
    check_finite(*this, piece, piece.vectors, config_.vectors);
    piece.labels = std::move(labels);
    if (batch.size() == 0) {
      batch = std::move(piece);
    } else {
      append(batch, piece);
    }
  });
  return batch;
}

std::int64_t JetSource::cut(std::int64_t begin, std::int64_t end) const {
  std::int64_t count = 0;
  if (!std::holds_alternative<JetFile>(file_)) {
    return count;
  }
  for_each_piece(begin, end, {}, [&](const JetColumns& jets, std::int64_t) {
    for (std::size_t j = 0; j + 1 < jets.offsets.size(); ++j) {
      count += jets.offsets[j + 1] - jets.offsets[j] > config_.length ? 1 : 0;
    }
  });
  return count;
}

ParticleTable::ParticleTable(JetColumns jets, const DataConfig& config, bool derive_angles)
    : jets_(std::move(jets)), config_(config) {
  spread_to_particles(jets_);
  if (derive_angles && jets_.offsets.back() > 0) {
    add_angles(jets_);
  }
}

const Column& ParticleTable::column(const std::string& name) {
  const Expression* defined = config_.defined(name);
  if (defined == nullptr || jets_.values.contains(name)) {
    return jets_.values.at(name);  // read, as DataConfig::columns() asks for it
  }
  Column values =
      defined->evaluate([this](const std::string& other) -> const Column& { return column(other); },
                        static_cast<std::size_t>(jets_.offsets.back()));
  return jets_.values.emplace(name, std::move(values)).first->second;
}

JetBatch assemble(JetColumns jets, const DataConfig& config, bool derive_angles,
                  std::int64_t first) {
  ParticleTable table(std::move(jets), config, derive_angles);
  const JetColumns& read = table.jets();
  // Which particles stay.
  JetBatch batch;
  std::vector<std::size_t> kept;
  kept.reserve(static_cast<std::size_t>(read.offsets.back()));
  for (std::size_t j = 0; j < read.labels.size(); ++j) {
    const std::int64_t n = read.offsets[j + 1] - read.offsets[j];
    const std::int64_t stay = std::min(n, config.length);
    batch.offsets.push_back(batch.offsets.back() + stay);
    batch.index.push_back(first + static_cast<std::int64_t>(j));
    for (std::int64_t p = 0; p < stay; ++p) {
      kept.push_back(static_cast<std::size_t>(read.offsets[j] + p));
    }
  }
  batch.labels = read.labels;
  batch.features_per_particle = config.features.size();
  const auto fill = [&](const std::vector<Variable>& variables, std::vector<float>& out) {
    out.resize(kept.size() * variables.size());
    for (std::size_t v = 0; v < variables.size(); ++v) {
      const Column& raw = table.column(variables[v].name);
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
