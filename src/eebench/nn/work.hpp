#pragma once

#include <cstdint>

namespace eebench::nn {

/// Work of evaluating a network, counted by its operations from the shapes they received.
struct Work {
  /// Products of linear layers, attention, distances and the pair network.
  std::int64_t multiply_adds = 0;
  /// FLOPs of all other arithmetic: biases, activations, norms, softmax, pair features, sums.
  std::int64_t elementwise = 0;
  /// Activations that operations read and write: each input and each output once, fused or not.
  /// Weights and indices aside, and what depends on the batch and not on the jet: how it is cut
  /// into pieces (join) and rows that move when jets leave.
  std::int64_t bytes = 0;

  std::int64_t flops() const { return 2 * multiply_adds + elementwise; }
  Work& operator+=(const Work& other) {
    multiply_adds += other.multiply_adds;
    elementwise += other.elementwise;
    bytes += other.bytes;
    return *this;
  }
  friend Work operator+(Work a, const Work& b) { return a += b; }
  bool operator==(const Work&) const = default;
};

/// While one lives, every operation of this thread adds its work to it. Scopes nest: an inner scope
/// adds to the outer one when it ends.
class WorkScope {
 public:
  WorkScope();
  ~WorkScope();
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;
  const Work& work() const { return work_; }

 private:
  Work work_;
  WorkScope* outer_;
  friend void count(const Work& work);
};

/// FLOPs charged for one element of an elementwise operation. Transcendental functions count as the
/// few multiply-adds of their polynomial, so that "flops" is what a vector unit executes.
namespace flops_of {
inline constexpr std::int64_t gelu = 20;
inline constexpr std::int64_t relu = 1;
inline constexpr std::int64_t norm = 8;             ///< mean, variance, scale and shift
inline constexpr std::int64_t affine = 2;           ///< folded or running-statistics BatchNorm
inline constexpr std::int64_t softmax = 16;         ///< maximum, exponential, sum, division
inline constexpr std::int64_t pair_features = 100;  ///< per pair: four logarithms, a root, sums
inline constexpr std::int64_t add = 1;
inline constexpr std::int64_t multiply = 1;
}  // namespace flops_of

/// Called by every operation with what it is about to do; does nothing outside a scope.
void count(const Work& work);

}  // namespace eebench::nn
