#include "eebench/bench/validate.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/bench/schema.hpp"
#include "eebench/bench/task_reader.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"

namespace eebench::bench {
namespace {

constexpr const char* texts_required[] = {"schema_version",
                                          "eebench_version",
                                          "git_sha",
                                          "compiler",
                                          "build_type",
                                          "flags",
                                          "libtorch",
                                          "hdf5",
                                          "mpi",
                                          "suite",
                                          "campaign",
                                          "config_toml",
                                          "config_sha256",
                                          "command_line",
                                          "effort",
                                          "start_utc",
                                          "cpu",
                                          "governor",
                                          "device",
                                          "data",
                                          "data_sha256",
                                          "environment",
                                          "timer",
                                          "sync",
                                          "rank_reduction",
                                          "percentile_definition"};
constexpr const char* integers_required[] = {"seed",      "mpi_size",       "threads_per_rank",
                                             "cores",     "oversubscribed", "deterministic",
                                             "git_dirty", "jets_cut"};

class Validator {
 public:
  explicit Validator(const std::filesystem::path& path) : task_(path), file_(h5::File::open(path)) {
    const std::string version = task_.attribute("schema_version");
    const char* const end = version.data() + version.size();
    const auto [rest, error] = std::from_chars(version.data() + version.find('.') + 1, end, minor_);
    if (error != std::errc() || rest != end || minor_ > schema_minor) {
      add(fmt::format("schema_version {}: this eebench knows {}.0 to {}.{}", version, schema_major,
                      schema_major, schema_minor));
    }
  }

  std::vector<std::string> run() {
    check_attributes();
    check_coordinates();
    for (const VariableSpec& spec : schema()) {
      if (spec.since <= minor_) {
        for (const std::string& name : names_of(spec)) {
          attempt([&] { check_variable(spec, name); });
        }
      }
    }
    if (lines_.empty()) {  // else what follows may not even be there
      check_identities();
      check_numbers();
    }
    return std::move(lines_);
  }

 private:
  void add(std::string line) { lines_.push_back(std::move(line)); }
  /// What cannot be read at all is a violation too.
  void attempt(const std::function<void()>& check) {
    try {
      check();
    } catch (const InputError& error) {
      add(error.what());
    }
  }

  void check_attributes();
  void check_coordinates();
  template <class T>
  void check_coordinate(const std::string& name, const std::vector<T>& expected);
  void check_variable(const VariableSpec& spec, const std::string& name);
  void check_type(const VariableSpec& spec, const std::string& name, const h5::Dataset& dataset);
  void check_identities();
  void check_numbers();
  void check_points(const std::string& rule, const std::function<bool(std::size_t)>& holds);

  TaskReader task_;
  h5::File file_;
  int minor_ = 0;
  std::vector<std::string> lines_;
};

void Validator::check_attributes() {
  for (const std::string name : texts_required) {
    attempt([&] { file_.attribute<std::string>(name); });
  }
  for (const std::string name : integers_required) {
    attempt([&] { file_.attribute<std::int64_t>(name); });
  }
  if (file_.has_attribute("config_toml") && file_.has_attribute("config_sha256") &&
      sha256(task_.attribute("config_toml")) != task_.attribute("config_sha256")) {
    add("attribute config_sha256 is not the SHA-256 of config_toml");
  }
  if (file_.has_attribute("mpi_size") && file_.has("rank") &&
      file_.attribute<std::int64_t>("mpi_size") !=
          static_cast<std::int64_t>(task_.length("rank"))) {
    add("attribute mpi_size is not the length of the dimension rank");
  }
}

template <class T>
void Validator::check_coordinate(const std::string& name, const std::vector<T>& expected) {
  attempt([&] {
    if (file_.dataset(name).read<T>() != expected) {
      add(fmt::format("dimension {}: not {}", name, fmt::join(expected, ", ")));
    }
  });
}

void Validator::check_coordinates() {
  for (const std::string name : {"point", "exit", "rank", "sample"}) {
    attempt([&] {
      std::vector<std::int32_t> numbers(task_.length(name));
      std::iota(numbers.begin(), numbers.end(), 0);
      if (file_.dataset(name).read<std::int32_t>() != numbers) {
        add(fmt::format("dimension {}: not 0, 1, ...", name));
      }
    });
  }
  check_coordinate("percentile",
                   std::vector<double>(std::begin(percentiles), std::end(percentiles)));
  check_coordinate("multiplicity", std::vector<std::int64_t>(std::begin(multiplicity_edges),
                                                             std::end(multiplicity_edges)));
  attempt([&] { task_.texts("class"); });
  attempt([&] { task_.texts("rank_host"); });
}

void Validator::check_type(const VariableSpec& spec, const std::string& name,
                           const h5::Dataset& dataset) {
  const bool is_right = (spec.type == Type::text && dataset.is_text()) ||
                        (spec.type == Type::u1 && dataset.holds<std::uint8_t>()) ||
                        (spec.type == Type::i4 && dataset.holds<std::int32_t>()) ||
                        (spec.type == Type::i8 && dataset.holds<std::int64_t>()) ||
                        (spec.type == Type::f4 && dataset.holds<float>()) ||
                        (spec.type == Type::f8 && dataset.holds<double>());
  if (!is_right) {
    add(fmt::format("{}: stored as another type", name));
  }
}

void Validator::check_variable(const VariableSpec& spec, const std::string& name) {
  const h5::Dataset dataset = file_.dataset(name);
  check_type(spec, name, dataset);
  const std::vector<std::string> expected = dimensions_of(spec);
  if (const auto dimensions = file_.dimensions_of(name); dimensions != expected) {
    add(fmt::format("{}: dimensions [{}] instead of [{}]", name, fmt::join(dimensions, ", "),
                    fmt::join(expected, ", ")));
  }
  const std::pair<const char*, std::string_view> texts[] = {{"units", spec.unit},
                                                            {"mark", bench::name(spec.mark)}};
  for (const auto& [attribute, value] : texts) {
    if (dataset.attribute<std::string>(attribute) != value) {
      add(fmt::format("{}: {} '{}' instead of '{}'", name, attribute,
                      dataset.attribute<std::string>(attribute), value));
    }
  }
  dataset.attribute<std::string>("long_name");
  if (dataset.has_attribute("flag_meanings")) {
    const auto values = dataset.attribute<std::vector<std::uint8_t>>("flag_values");
    std::set<std::uint8_t> known(values.begin(), values.end());
    known.insert(255);
    for (const std::uint8_t value : dataset.read<std::uint8_t>()) {
      if (!known.contains(value)) {
        add(fmt::format("{}: value {} is not among flag_values", name, value));
        break;
      }
    }
  }
}

void Validator::check_points(const std::string& rule,
                             const std::function<bool(std::size_t)>& holds) {
  std::size_t broken = 0;
  std::size_t first = 0;
  for (std::size_t point = 0; point < task_.points(); ++point) {
    if (!holds(point)) {
      first = broken++ == 0 ? point : first;
    }
  }
  if (broken > 0) {
    add(fmt::format("{}: not so at {} of {} points, first at point {}", rule, broken,
                    task_.points(), first));
  }
}

void Validator::check_identities() {
  const std::vector<std::string> ids = task_.texts("point_id");
  const std::vector<double> repeats =
      file_.has("repeat") ? task_.values("repeat") : std::vector<double>(ids.size());
  check_points("point_id: 16 hexadecimal digits", [&](std::size_t p) {
    return ids[p].size() == 16 && ids[p].find_first_not_of("0123456789abcdef") == std::string::npos;
  });
  const std::vector<JobSize> jobs = task_.jobs();
  std::set<std::tuple<std::string, JobSize, double>> seen;
  check_points("point_id: once in each job size and repeat",
               [&](std::size_t p) { return seen.emplace(ids[p], jobs[p], repeats[p]).second; });
  const std::vector<std::string> states = task_.names("state");
  check_points("state: ok or failed (in a merged file else its task is gone)",
               [&](std::size_t p) { return states[p] == "ok" || states[p] == "failed"; });
}

void Validator::check_numbers() {
  const std::vector<std::string> states = task_.names("state");
  // `holds` of each element of a point that is ok.
  const auto check_elements = [&](const std::string& rule, const std::string& variable,
                                  const std::function<bool(std::size_t)>& holds) {
    const std::size_t width =
        task_.values(variable).size() / std::max<std::size_t>(task_.points(), 1);
    check_points(rule, [&](std::size_t p) {
      bool all = true;
      for (std::size_t i = p * width; states[p] == "ok" && i < (p + 1) * width; ++i) {
        all = all && holds(i);
      }
      return all;
    });
  };
  for (const VariableSpec& spec : schema()) {
    const std::string name(spec.name);
    if (spec.type == Type::text || spec.since > minor_) {
      continue;
    }
    const std::vector<double> values = task_.values(name);
    if (spec.interval) {
      const std::vector<double> low = task_.values(name + "_ci_low");
      const std::vector<double> high = task_.values(name + "_ci_high");
      check_elements(fmt::format("{}_ci_low <= {} <= {}_ci_high", name, name, name), name,
                     [&](std::size_t i) { return !(low[i] > values[i] || values[i] > high[i]); });
    }
    if (spec.unit == "s" || spec.unit == "s-1") {
      check_elements(name + " >= 0", name, [&](std::size_t i) { return !(values[i] < 0.0); });
    }
    if (name == "accuracy" || name == "batch_time" || name == "multiply_adds") {
      check_elements(name + ": a number where the point is ok", name,
                     [&](std::size_t i) { return std::isfinite(values[i]); });
    }
  }
  const std::size_t exits = task_.length("exit");
  for (const std::string name : {"exit_fraction", "exit_fraction_run"}) {
    const std::vector<double> fractions = task_.values(name);
    check_points(name + ": sums to 1", [&](std::size_t p) {
      double sum = 0.0;
      for (std::size_t i = p * exits; i < (p + 1) * exits; ++i) {
        sum += std::isnan(fractions[i]) ? 0.0 : fractions[i];
      }
      return states[p] != "ok" || std::abs(sum - 1.0) < 1e-9;
    });
  }
  const std::vector<double> latency = task_.values("latency");
  const std::size_t width = std::size(percentiles);
  check_elements("latency: not falling from one percentile to the next", "latency",
                 [&](std::size_t i) { return i % width == 0 || !(latency[i] < latency[i - 1]); });
}

}  // namespace

std::vector<std::string> violations(const std::filesystem::path& path) {
  return Validator(path).run();
}

}  // namespace eebench::bench
