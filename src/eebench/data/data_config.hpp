#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eebench/core/expression.hpp"

namespace eebench::data {

/// One network input: clip((raw - subtract) * multiply, low, high), or the raw value where
/// `subtract` is absent; then NaN becomes 0.
struct Variable {
  std::string name;
  std::optional<float> subtract;
  float multiply = 1.0F;
  float low = -5.0F;
  float high = 5.0F;

  float standardise(float raw) const;
};

/// Constituents that networks see of a jet where a data configuration does not say another number.
inline constexpr std::int64_t kept_constituents = 128;

/// What to compute from the columns of a jet file and feed to a network: a weaver data
/// configuration (YAML). The groups pf_points, pf_features and pf_vectors are used; particles
/// beyond their `length` are cut. Or, with `images` in their place, how pixels are standardised.
struct DataConfig {
  std::vector<std::pair<std::string, Expression>> new_variables;
  std::vector<Variable> points;    ///< two
  std::vector<Variable> features;  ///< F
  std::vector<Variable> vectors;   ///< four
  std::int64_t length = kept_constituents;
  /// What the network tells apart, in the order of its outputs: labels.value without "label_".
  /// Empty: the classes of the file as they are.
  std::vector<std::string> classes;
  /// Of images, channel after channel, a feature a pixel; empty for jets.
  std::vector<std::int64_t> image;
  std::string sha256;  ///< of the file's text

  /// Throws InputError naming file, key and what is expected.
  static DataConfig load(const std::filesystem::path& yaml);

  /// Columns of the file that it reads: everything not defined by new_variables or derived
  /// (part_deta, part_dphi).
  std::vector<std::string> columns(bool derive_angles) const;
};

}  // namespace eebench::data
