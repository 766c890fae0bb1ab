#pragma once

#include <cmath>
#include <filesystem>
#include <set>
#include <string>

#include "eebench/bench/schema.hpp"
#include "eebench/h5/file.hpp"

namespace eebench::test {

/// Whether a variable depends on how fast the machine was at the moment.
inline bool depends_on_time(const std::string& name) {
  static const std::set<std::string> records = {"n_samples",   "warmup_batches", "warmup_converged",
                                                "sample_rank", "stop_reason",    "sample_leaving"};
  for (const bench::VariableSpec& spec : bench::schema()) {
    if (name.starts_with(spec.name) && spec.unit != "1" && spec.unit != "byte") {
      return true;
    }
  }
  return records.count(name) > 0;
}

/// Name of the first variable in which two task files differ, times apart; empty for none.
inline std::string difference_but_times(const std::filesystem::path& a,
                                        const std::filesystem::path& b) {
  const h5::File left = h5::File::open(a);
  const h5::File right = h5::File::open(b);
  if (left.datasets() != right.datasets()) {
    return "names of the variables";
  }
  for (const std::string& name : left.datasets()) {
    const h5::Dataset x = left.dataset(name);
    const h5::Dataset y = right.dataset(name);
    if (x.is_text()) {
      if (x.read_texts() != y.read_texts()) {
        return name;
      }
      continue;
    }
    if (x.shape() != y.shape()) {
      return name + " (shape)";
    }
    if (depends_on_time(name)) {
      continue;
    }
    const auto u = x.read<double>();
    const auto v = y.read<double>();
    for (std::size_t i = 0; i < u.size(); ++i) {
      if (!(u[i] == v[i] || (std::isnan(u[i]) && std::isnan(v[i])))) {
        return name;
      }
    }
  }
  return "";
}

}  // namespace eebench::test
