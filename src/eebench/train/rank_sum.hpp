#pragma once

#include <cstddef>
#include <memory>

#include <ATen/core/Tensor.h>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/comm/bucket_plan.hpp"
#include "eebench/train/flat_parameters.hpp"

namespace eebench::train {

/// \collective The sum of x over ranks. Its gradient is the sum of the ranks' gradients, since
/// every rank's loss depends on every rank's x. BatchNorm takes its statistics through it.
at::Tensor sum_over_ranks(const at::Tensor& x, const std::shared_ptr<comm::AllReducer>& reducer);

/// Sums the flat gradients over ranks, bucket by bucket, each as soon as the backward pass has
/// finished it.
class GradientSum {
 public:
  GradientSum(FlatParameters& parameters, std::shared_ptr<comm::AllReducer> reducer,
              std::size_t bucket_elements = 1 << 18);  // 1 MiB of float32

  /// \collective After backward(): sums what is left and waits for the rest.
  void finish();

 private:
  void start(std::span<const comm::Bucket> buckets);

  FlatParameters& parameters_;
  std::shared_ptr<comm::AllReducer> reducer_;
  comm::BucketSchedule schedule_;
};

}  // namespace eebench::train
