#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace eebench::comm {

/// A run of neighbouring parameters whose gradients are summed over ranks in one call; a contiguous
/// piece of the flat gradient buffer.
struct Bucket {
  std::size_t first_parameter = 0;
  std::size_t parameters = 0;
  std::size_t offset = 0;  ///< elements before it in the flat buffer
  std::size_t count = 0;   ///< elements
  bool operator==(const Bucket&) const = default;
};

/// Buckets in the order in which they are summed: last parameters first, since the backward pass
/// finishes them first. `counts` are the elements of each parameter in flat-buffer order. A bucket
/// holds at most `max_count` elements unless one parameter alone is larger.
std::vector<Bucket> plan_buckets(std::span<const std::size_t> counts, std::size_t max_count);

/// Follows one backward pass and says which buckets may start: always in plan order, so that every
/// rank starts the same ones, whatever the order in which its gradients become ready.
class BucketSchedule {
 public:
  explicit BucketSchedule(std::vector<Bucket> plan);

  const std::vector<Bucket>& plan() const { return plan_; }
  /// A gradient is final: returns the buckets that can start now.
  std::span<const Bucket> ready(std::size_t parameter);
  /// The backward pass is over: returns the buckets still to start (parameters without gradient
  /// never become ready) and begins anew.
  std::span<const Bucket> finish();

 private:
  std::vector<Bucket> plan_;
  std::vector<std::size_t> bucket_of_;  ///< by parameter
  std::vector<std::size_t> missing_;    ///< gradients each bucket waits for
  std::size_t next_ = 0;
};

}  // namespace eebench::comm
