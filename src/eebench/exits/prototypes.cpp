#include "eebench/exits/prototypes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace eebench::exits {

double nearness(const Prototypes& prototypes, std::span<const float> embedding) {
  std::vector<double> distances;
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < prototypes.scale.size(); ++c) {
    if (prototypes.scale[c] == 0.0) {
      continue;
    }
    const double* mean = &prototypes.means[c * embedding.size()];
    double squares = 0.0;
    for (std::size_t i = 0; i < embedding.size(); ++i) {
      const double difference = static_cast<double>(embedding[i]) - mean[i];
      squares += difference * difference;
    }
    distances.push_back(std::sqrt(squares) / prototypes.scale[c]);
    nearest = std::min(nearest, distances.back());
  }
  double sum = 0.0;
  for (const double distance : distances) {
    sum += std::exp(nearest - distance);
  }
  return sum > 0.0 ? 1.0 / sum : std::numeric_limits<double>::quiet_NaN();
}

std::vector<double> pack(const Prototypes& prototypes) {
  std::vector<double> numbers = prototypes.means;
  numbers.insert(numbers.end(), prototypes.scale.begin(), prototypes.scale.end());
  return numbers;
}

Prototypes unpack_prototypes(std::span<const double> numbers, std::size_t classes) {
  const auto scale = numbers.last(classes);
  const auto means = numbers.first(numbers.size() - classes);
  return {{means.begin(), means.end()}, {scale.begin(), scale.end()}};
}

}  // namespace eebench::exits
