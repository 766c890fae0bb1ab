#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace eebench::exits {

/// Mean embedding of each class at one exit, and how far its jets scatter (E2CM, Gormez, Dasari and
/// Koyuncu, arXiv:2103.01148).
struct Prototypes {
  std::vector<double> means;  ///< [classes, E]
  /// [classes] root mean square distance of the jets of a class from its mean; 0, and the class
  /// counts for nothing, where there were fewer than two jets or all alike.
  std::vector<double> scale;
  std::size_t width() const { return means.size() / scale.size(); }
};

/// Largest value of the softmax over classes of -distance / scale; NaN where no class counts.
/// `embedding`: [E].
double nearness(const Prototypes& prototypes, std::span<const float> embedding);

/// As plain numbers: means, scale.
std::vector<double> pack(const Prototypes& prototypes);
/// Inverse of `pack`; as many numbers as are a multiple of the classes.
Prototypes unpack_prototypes(std::span<const double> numbers, std::size_t classes);

}  // namespace eebench::exits
