#include "eebench/data/pmu.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"

namespace eebench::data {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw InputError(fmt::format("{}: {}", path.string(), what));
}

constexpr std::size_t energy = 0;  // of the four components of a slot
constexpr std::size_t px = 1;
constexpr std::size_t py = 2;
constexpr std::size_t pz = 3;

using Momentum = std::array<float, 4>;

void check_momentum(const Momentum& p, const std::filesystem::path& path, std::int64_t jet,
                    std::size_t slot) {
  const auto refuse = [&](const std::string& why) {
    fail(path, fmt::format("dataset 'Pmu', index [{}, {}]: {}; remove or repair this jet", jet,
                           slot, why));
  };
  for (const float component : p) {
    if (!std::isfinite(component)) {
      refuse(fmt::format("{} is not a finite number", component));
    }
  }
  if (p[energy] < 0.0F) {
    refuse(fmt::format("the energy {} is not above 0, so it has no logarithm", p[energy]));
  }
  if (p[px] == 0.0F && p[py] == 0.0F) {
    refuse("px and py are 0, so the particle has no transverse momentum to take the logarithm of");
  }
}

/// Of a jet, in falling pT; equal ones keep their order.
std::vector<Momentum> constituents(const float* slots, std::size_t count,
                                   const std::filesystem::path& path, std::int64_t jet) {
  std::vector<Momentum> particles;
  for (std::size_t slot = 0; slot < count; ++slot) {
    Momentum p{};
    std::copy_n(slots + 4 * slot, 4, p.begin());
    if (p[energy] != 0.0F) {
      check_momentum(p, path, jet, slot);
      particles.push_back(p);
    }
  }
  if (particles.empty()) {
    fail(path, fmt::format("dataset 'Pmu', index {}: the jet has no constituents; `python -m "
                           "eebench_analysis convert` leaves such jets out",
                           jet));
  }
  std::stable_sort(particles.begin(), particles.end(), [](const Momentum& a, const Momentum& b) {
    return std::hypot(a[px], a[py]) > std::hypot(b[px], b[py]);
  });
  return particles;
}

/// Adds a jet to all columns.
void append(JetColumns& jets, const std::vector<Momentum>& particles) {
  std::array<double, 4> sum{};
  constexpr std::array names{"part_energy", "part_px", "part_py", "part_pz"};
  for (std::size_t c = 0; c < names.size(); ++c) {
    Column& column = jets.values[names[c]];
    for (const Momentum& p : particles) {
      column.push_back(p[c]);
      sum[c] += p[c];
    }
  }
  const double pt = std::hypot(sum[px], sum[py]);
  constexpr double least = 1e-30;
  const auto add = [&](const char* name, double value) {
    jets.values[name].push_back(static_cast<float>(value));
  };
  add("jet_pt", pt);
  add("jet_eta", std::asinh(sum[pz] / std::max(pt, least)));
  add("jet_phi", std::atan2(sum[py], sum[px]));
  add("jet_energy", sum[energy]);
  add("jet_nparticles", static_cast<double>(particles.size()));
  jets.offsets.push_back(jets.offsets.back() + static_cast<std::int64_t>(particles.size()));
}

std::vector<std::int64_t> read_labels(const h5::File& file, const std::filesystem::path& path,
                                      std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> labels;
  for (const double label :
       file.dataset("is_signal")
           .read<double>({static_cast<hsize_t>(begin)}, {static_cast<hsize_t>(end - begin)})) {
    if (label != 0.0 && label != 1.0) {
      fail(path, fmt::format("dataset 'is_signal', index {}: {} is neither 1 (top) nor 0 (QCD); "
                             "correct the label",
                             begin + static_cast<std::int64_t>(labels.size()), label));
    }
    labels.push_back(label == 1.0 ? 1 : 0);
  }
  return labels;
}

}  // namespace

std::int64_t count_pmu(const h5::File& file, const std::filesystem::path& path) {
  if (!file.has("is_signal")) {
    fail(path, "no dataset 'is_signal' beside 'Pmu'; add the label of each jet, 1 top, 0 QCD");
  }
  const h5::Extents shape = file.dataset("Pmu").shape();
  const hsize_t labels = file.dataset("is_signal").length();
  if (shape.size() != 3 || shape[0] != labels || shape[1] == 0 || shape[2] != 4 || labels == 0) {
    fail(path, fmt::format("dataset 'Pmu' has the shape [{}] beside {} labels in 'is_signal', "
                           "expected [jets, slots, 4]; make the file again",
                           fmt::join(shape, ", "), labels));
  }
  return static_cast<std::int64_t>(labels);
}

JetColumns read_pmu(const h5::File& file, const std::filesystem::path& path, std::int64_t begin,
                    std::int64_t end, const std::vector<std::string>& names) {
  const h5::Dataset momenta = file.dataset("Pmu");
  const hsize_t slots = momenta.shape()[1];
  constexpr hsize_t values_per_read = hsize_t{1} << 22;
  const auto jets_per_read =
      static_cast<std::int64_t>(std::max<hsize_t>(1, values_per_read / (4 * slots)));
  JetColumns jets;
  jets.labels = read_labels(file, path, begin, end);
  for (std::int64_t first = begin; first < end; first += jets_per_read) {
    const std::int64_t last = std::min(first + jets_per_read, end);
    const auto values = momenta.read<float>({static_cast<hsize_t>(first), 0, 0},
                                            {static_cast<hsize_t>(last - first), slots, 4});
    for (std::int64_t jet = first; jet < last; ++jet) {
      append(jets, constituents(&values[static_cast<std::size_t>(jet - first) * 4 * slots], slots,
                                path, jet));
    }
    // What was not asked for is not kept beyond a piece.
    std::erase_if(jets.values, [&](const auto& column) {
      return std::find(names.begin(), names.end(), column.first) == names.end();
    });
  }
  return jets;
}

}  // namespace eebench::data
