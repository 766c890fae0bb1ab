#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "eebench/nn/quantizer.hpp"

namespace eebench::nn::quantization {

/// Statistics of activations that do not depend on their order, nor on which rank saw them: the
/// largest x and -x, and counts of |x| in bins that the bits of float32 define. Each power of two
/// from 2^-32 to 2^32 has 32 bins of equal width; |x| outside counts to the first or the last bin.
class RangeObserver : public torch::nn::Module {
 public:
  enum class Keeps {
    maxima,             ///< of all batches
    averaged_maxima,    ///< 0.9 of what they were and 0.1 of the new batch's
    maxima_and_counts,  ///< of all batches
  };
  explicit RangeObserver(Keeps keeps);

  void observe(const at::Tensor& x);
  /// \collective
  void merge(const RankMerge& ranks);
  void clear();

  // Of what was merged:

  std::int64_t values() const;
  double largest() const;   ///< at least 0; infinite if a value was NaN
  double smallest() const;  ///< at most 0
  double absmax() const { return std::max(largest(), -smallest()); }
  /// |x| at rank floor(p/100 n + 1/2) of n, as Brevitas counts; interpolated in its bin.
  double percentile(double percent) const;
  double mean() const;  ///< of |x|
  /// The limit, of absmax 2^(-j/16) down to absmax/256, whose grid has the least squared error. The
  /// grid is of the integers to `highest` and the scale given for a limit; |x| is taken as uniform
  /// within each bin.
  double least_error(const std::function<double(double)>& scale_of, double highest) const;

 private:
  std::vector<std::int64_t> counts() const;

  Keeps keeps_;
  at::Tensor maxima_;  ///< [2] of x and of -x
  at::Tensor counts_;  ///< int64 [bins]; one bin of all values where only maxima are kept
  // This rank's since the last merge, undefined if there were none:
  at::Tensor own_maxima_;  ///< float64
  at::Tensor own_counts_;
};

}  // namespace eebench::nn::quantization
