#include "eebench/bench/task_reader.hpp"

#include <set>
#include <sstream>

#include <fmt/format.h>

#include "eebench/bench/schema.hpp"
#include "eebench/core/error.hpp"

namespace eebench::bench {

TaskReader::TaskReader(const std::filesystem::path& path) : file_(h5::File::open(path)) {
  if (!file_.has_attribute("schema_version")) {
    throw InputError(path.string() + ": is no task.h5 or merged.h5 of a campaign; name one");
  }
  const std::string version = attribute("schema_version");
  if (version.substr(0, version.find('.')) != std::to_string(schema_major)) {
    throw InputError(
        fmt::format("{}: written in version {} of the task file, this eebench reads {}",
                    path.string(), version, schema_major));
  }
  points_ = length("point");
}

std::size_t TaskReader::length(const std::string& dimension) const {
  return file_.dataset(dimension).length();
}

std::vector<double> TaskReader::values(const std::string& variable) const {
  return file_.dataset(variable).read<double>();
}

std::vector<std::string> TaskReader::texts(const std::string& variable) const {
  return file_.dataset(variable).read_texts();
}

bool TaskReader::is_enumeration(const std::string& variable) const {
  return file_.dataset(variable).has_attribute("flag_meanings");
}

std::vector<std::string> TaskReader::names(const std::string& variable) const {
  const h5::Dataset dataset = file_.dataset(variable);
  std::istringstream meanings(dataset.attribute<std::string>("flag_meanings"));
  std::vector<std::string> known;
  for (std::string word; meanings >> word;) {
    known.push_back(word);
  }
  std::vector<std::string> result;
  for (const std::uint8_t value : dataset.read<std::uint8_t>()) {
    result.push_back(value < known.size() ? known[value] : "");
  }
  return result;
}

std::vector<JobSize> TaskReader::jobs() const {
  if (!file_.has("ranks")) {
    const std::vector<std::string> hosts = texts("rank_host");
    const auto nodes = std::set(hosts.begin(), hosts.end()).size();
    return std::vector(points_,
                       JobSize{integer_attribute("mpi_size"), integer_attribute("threads_per_rank"),
                               static_cast<std::int64_t>(nodes)});
  }
  const auto ranks = file_.dataset("ranks").read<std::int64_t>();
  const auto threads = file_.dataset("threads").read<std::int64_t>();
  const auto nodes = file_.dataset("nodes").read<std::int64_t>();
  std::vector<JobSize> jobs;
  for (std::size_t point = 0; point < points_; ++point) {
    jobs.push_back({ranks[point], threads[point], nodes[point]});
  }
  return jobs;
}

bool TaskReader::has_attribute(const std::string& name) const { return file_.has_attribute(name); }

std::string TaskReader::attribute(const std::string& name) const {
  return file_.attribute<std::string>(name);
}

std::int64_t TaskReader::integer_attribute(const std::string& name) const {
  return file_.attribute<std::int64_t>(name);
}

double TaskReader::number_attribute(const std::string& name) const {
  return file_.attribute<double>(name);
}

}  // namespace eebench::bench
