#include "eebench/data/automatic.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "eebench/comm/share.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/data/jet_values.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::data {
namespace {

constexpr std::int64_t jets_per_read = 8192;
constexpr unsigned half = 16;
constexpr std::size_t halves = std::size_t{1} << half;

/// Rises with the number.
std::uint32_t order_of(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  return (bits >> 31U) != 0U ? ~bits : bits | 0x80000000U;
}

float number_of(std::uint32_t order) {
  return std::bit_cast<float>((order >> 31U) != 0U ? order & 0x7FFFFFFFU : ~order);
}

/// A number where there was none, as numpy.nan_to_num.
float finite(float x) {
  return std::isnan(x) ? 0.0F
                       : std::clamp(x, std::numeric_limits<float>::lowest(),
                                    std::numeric_limits<float>::max());
}

/// Values of a variable over all ranks, as far as order statistics need them: how many begin with
/// each upper half of 16 bits, and of the halves asked for, how many end with each lower one.
struct Counts {
  std::vector<std::int64_t> upper = std::vector<std::int64_t>(halves);
  std::map<std::uint32_t, std::vector<std::int64_t>> lower;

  std::int64_t total() const {
    std::int64_t sum = 0;
    for (const std::int64_t count : upper) {
      sum += count;
    }
    return sum;
  }
};

struct Found {
  std::uint32_t half = 0;
  std::int64_t before = 0;  ///< values below those of this half
};

Found find(const std::vector<std::int64_t>& counts, std::int64_t rank) {
  Found found;
  while (rank - found.before >= counts[found.half]) {
    found.before += counts[found.half++];
  }
  return found;
}

/// The two neighbours between which a percentile lies, and how far from the lower one.
struct Place {
  std::array<std::int64_t, 2> ranks{};
  double between = 0.0;
};

Place place_of(double percent, std::int64_t total) {
  const double place = percent / 100.0 * static_cast<double>(total - 1);
  const auto below = static_cast<std::int64_t>(place);
  return {{below, std::min(below + 1, total - 1)}, place - static_cast<double>(below)};
}

constexpr std::array percents{16.0, 50.0, 84.0};

double percentile(const Counts& counts, double percent) {
  const Place place = place_of(percent, counts.total());
  std::array<double, 2> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Found upper = find(counts.upper, place.ranks[i]);
    const Found lower = find(counts.lower.at(upper.half), place.ranks[i] - upper.before);
    values[i] = number_of(upper.half << half | lower.half);
  }
  return std::lerp(values[0], values[1], place.between);
}

struct Numbers {
  double center = 0.0;
  double scale = 1.0;
};

/// Median to 0, the farther of the 16th and 84th percentile to 1.
class Search {
 public:
  Search(const DataConfig& config, const std::filesystem::path& jets,
         const comm::Communicator& comm)
      : config_(config), comm_(comm), file_(jets) {
    for (const auto* group : {&config_.points, &config_.features, &config_.vectors}) {
      for (const Variable& variable : *group) {
        if (variable.automatic) {
          counts_.try_emplace(variable.name);
        }
      }
    }
    derive_angles_ = !file_.has("part_deta") || !file_.has("part_dphi");
    columns_ = config_.columns(derive_angles_);
  }

  std::int64_t jets() const {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(config_.automatic_fraction *
                                                               static_cast<double>(file_.jets())));
  }
  std::int64_t particles() const { return counts_.begin()->second.total(); }

  /// \collective
  std::map<std::string, Numbers> run() {
    count([](Counts& counts, std::uint32_t order) { ++counts.upper[order >> half]; });
    for (auto& [name, counts] : counts_) {
      comm_.all_reduce(std::span(counts.upper), comm::Reduce::sum);
      if (counts.total() == 0) {
        throw InputError(
            fmt::format("{}: preprocess: the selection keeps none of the first {} jets of {}; "
                        "raise data_fraction",
                        config_.file.string(), jets(), file_.path().string()));
      }
      for (const double percent : percents) {
        for (const std::int64_t rank : place_of(percent, counts.total()).ranks) {
          counts.lower[find(counts.upper, rank).half].resize(halves);
        }
      }
    }
    count([](Counts& counts, std::uint32_t order) {
      if (const auto found = counts.lower.find(order >> half); found != counts.lower.end()) {
        ++found->second[order & (halves - 1)];
      }
    });
    std::map<std::string, Numbers> numbers;
    for (auto& [name, counts] : counts_) {
      for (auto& [upper, lower] : counts.lower) {
        comm_.all_reduce(std::span(lower), comm::Reduce::sum);
      }
      const double center = percentile(counts, percents[1]);
      const double width = std::max(percentile(counts, percents[2]) - center,
                                    center - percentile(counts, percents[0]));
      numbers[name] = {center, width == 0.0 ? 1.0 : 1.0 / width};
    }
    return numbers;
  }

 private:
  /// \collective Shows `visit` every value of this rank's share.
  template <class Visit>
  void count(const Visit& visit) {
    const comm::Share share = comm::share_of(jets(), comm_.rank(), comm_.size());
    comm_.agree([&] {
      for (std::int64_t first = share.begin; first < share.end; first += jets_per_read) {
        count_range(first, std::min(first + jets_per_read, share.end), visit);
      }
    });
  }

  template <class Visit>
  void count_range(std::int64_t begin, std::int64_t end, const Visit& visit) {
    const std::vector<bool> chosen = selected(file_, config_, config_.selection, begin, end);
    ParticleTable table(file_.read(begin, end, columns_), config_, derive_angles_);
    for (auto& [name, counts] : counts_) {
      const Column& values = table.column(name);
      const std::vector<std::int64_t>& offsets = table.jets().offsets;
      for (std::size_t j = 0; j < chosen.size(); ++j) {
        for (std::int64_t p = offsets[j]; chosen[j] && p < offsets[j + 1]; ++p) {
          visit(counts, order_of(finite(values[static_cast<std::size_t>(p)])));
        }
      }
    }
  }

  const DataConfig& config_;
  const comm::Communicator& comm_;
  JetFile file_;
  bool derive_angles_ = false;
  std::vector<std::string> columns_;
  std::map<std::string, Counts> counts_;
};

/// The entry of a list, or something else where it ends before.
YAML::Node entry_or(const YAML::Node& list, std::size_t place, const YAML::Node& otherwise) {
  return list.IsSequence() && place < list.size() ? YAML::Clone(list[place]) : otherwise;
}

/// The configuration with the table that weaver-core keeps of each variable. One of a group that
/// networks here do not read is left out, masks aside.
std::string with_params(const DataConfig& config, const std::map<std::string, Numbers>& numbers) {
  YAML::Node root = YAML::LoadFile(config.file.string());
  const bool by_default =
      root["preprocess"] &&
      root["preprocess"]["method"].as<std::string>("manual").starts_with("auto");
  YAML::Node params;
  for (const auto& group : root["inputs"]) {
    for (const YAML::Node& variable : group.second["vars"]) {
      const auto name = (variable.IsSequence() ? variable[0] : variable).as<std::string>();
      const auto found = numbers.find(name);
      YAML::Node entry;
      entry["length"] = YAML::Clone(group.second["length"]);
      entry["pad_mode"] = group.second["pad_mode"].as<std::string>("constant");
      entry["center"] = entry_or(variable, 1, by_default ? YAML::Node("auto") : YAML::Node());
      entry["scale"] = entry_or(variable, 2, YAML::Node(1));
      if (!entry["center"].IsNull() && entry["center"].as<std::string>() == "auto") {
        if (found != numbers.end()) {
          entry["center"] = found->second.center;
          entry["scale"] = found->second.scale;
        } else if (group.first.as<std::string>().ends_with("_mask")) {
          entry["center"] = YAML::Node(YAML::NodeType::Null);
        } else {
          continue;
        }
      }
      entry["min"] = entry_or(variable, 3, YAML::Node(-5));
      entry["max"] = entry_or(variable, 4, YAML::Node(5));
      entry["pad_value"] = entry_or(variable, 5, YAML::Node(0));
      params[name] = entry;
    }
  }
  root["preprocess"]["params"] = params;
  return YAML::Dump(root) + "\n";
}

/// Where there is such a file, or none yet.
std::optional<std::filesystem::path> known_numbers(const DataConfig& config,
                                                   const std::filesystem::path& folder) {
  const std::filesystem::path beside = automatic_file(config.file);
  for (const auto& file : {beside, folder / beside.filename()}) {
    if (std::filesystem::exists(file)) {
      return file;
    }
  }
  return std::nullopt;
}

std::filesystem::path write_numbers(const DataConfig& config, const std::string& text,
                                    const std::filesystem::path& folder) {
  std::filesystem::path file = automatic_file(config.file);
  try {
    sys::check_writable(file);
  } catch (const InputError&) {
    sys::make_writable_folder(folder);
    file = folder / file.filename();
  }
  sys::publish_text(file, text);
  return file;
}

}  // namespace

std::filesystem::path automatic_file(const std::filesystem::path& yaml) {
  std::ifstream in(yaml, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return yaml.parent_path() / fmt::format("{}.{}.auto.yaml", yaml.stem().string(), md5(text.str()));
}

std::filesystem::path find_numbers(const DataConfig& config, const std::filesystem::path& jets,
                                   const std::filesystem::path& folder,
                                   const comm::Communicator& comm,
                                   const std::function<void(const std::string&)>& say) {
  std::string file;
  std::string line;
  comm.agree([&] {
    if (const auto known = known_numbers(config, folder); comm.is_root() && known) {
      file = known->string();
      line = fmt::format(
          "{}: preprocess auto: numbers of {}, which is there; remove it to make "
          "them anew",
          config.file.string(), file);
    }
  });
  file = comm.broadcast(file);
  if (file.empty()) {
    std::optional<Search> search;
    comm.agree([&] { search.emplace(config, jets, comm); });
    const std::map<std::string, Numbers> numbers = search->run();
    comm.agree([&] {
      if (comm.is_root()) {
        file = write_numbers(config, with_params(config, numbers), folder).string();
        line = fmt::format(
            "{}: preprocess auto: numbers of {} constituents of the first {} jets "
            "of {}, kept in {}",
            config.file.string(), search->particles(), search->jets(), jets.string(), file);
      }
    });
    file = comm.broadcast(file);
  }
  if (comm.is_root()) {
    say(line);
  }
  return file;
}

}  // namespace eebench::data
