#pragma once

#include <array>
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
  /// `subtract` and `multiply` are still to be found: the median becomes 0, the farther of the 16th
  /// and 84th percentile 1.
  bool automatic = false;

  float standardise(float raw) const;
};

/// Constituents that networks see of a jet where a data configuration does not say another number.
inline constexpr std::int64_t kept_constituents = 128;

/// Bins of one variable of jets.
struct Bins {
  Expression variable;
  std::vector<double> edges;  ///< rising, two or more
};

/// How often training draws a jet, as weaver: by a product of numbers, or by the bin of two
/// variables in which its class lies, the classes then made equal.
struct Weights {
  std::vector<Expression> factors;  ///< the product; empty: by bins
  /// flat: each bin of a class counts as much as `threshold` percent of its filled bins stay below;
  /// ref: each class gets the shape of the first.
  bool flat = true;
  std::vector<Bins> bins;                              ///< two
  std::vector<std::pair<Expression, double>> classes;  ///< 1 for its jets; its share
  double threshold = 10.0;                             ///< percent
  bool discard = true;             ///< jets outside of all bins; else they count to the outermost
  std::optional<Expression> base;  ///< a factor that the jets have already
};

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
  std::vector<Expression> labels;            ///< 1 for the jets of each of these, else 0
  std::optional<Expression> selection;       ///< of jets that are trained on
  std::optional<Expression> test_selection;  ///< of all others
  std::optional<Weights> weights;
  double automatic_fraction = 0.1;  ///< of the jets: the first ones, which `automatic` looks at
  /// Of images, channel after channel, a feature a pixel; empty for jets.
  std::vector<std::int64_t> image;
  std::string sha256;  ///< of the file's text
  std::filesystem::path file;

  /// Throws InputError naming file, key and what is expected.
  static DataConfig load(const std::filesystem::path& yaml);

  /// The definition of a new variable; null for any other name.
  const Expression* defined(const std::string& name) const;
  /// Columns of the file that the inputs read: everything not defined by new_variables or derived
  /// (part_deta, part_dphi).
  std::vector<std::string> columns(bool derive_angles) const;
  /// These names with what defined ones read in their place.
  std::vector<std::string> read_by(std::vector<std::string> names) const;
  /// Whether numbers of an input are still to be found (`preprocess: {method: auto}`).
  bool automatic() const;
};

}  // namespace eebench::data
