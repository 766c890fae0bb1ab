#include <ATen/ATen.h>

#include "check.hpp"
#include "eebench/comm/all_reducer.hpp"
#include "eebench/core/error.hpp"

// One rank: the sum is the number itself, but the way there is NCCL's.
void eebench::test::test_all_reduce() {
  const auto reducer = comm::make_all_reducer("nccl", comm::Communicator());
  check(reducer->name() == "nccl", "nccl: name");

  at::Tensor values = at::arange(100'000, at::device(at::kCUDA).dtype(at::kFloat));
  values.mul_(2);  // still under way on torch's stream when the sum is started
  at::Tensor doubles = at::full({3}, 0.1, at::device(at::kCUDA).dtype(at::kDouble));
  reducer->start({values.mutable_data_ptr(), 100'000, comm::Scalar::float32});
  reducer->start({doubles.mutable_data_ptr(), 3, comm::Scalar::float64});
  reducer->wait();
  check(at::equal(values.cpu(), 2 * at::arange(100'000, at::kFloat)), "nccl: float32 sum");
  check(at::equal(doubles.cpu(), at::full({3}, 0.1, at::kDouble)), "nccl: float64 sum");
  check(reducer->bytes() == 400'024.0, "nccl: bytes");
  check(reducer->seconds_blocked() > 0.0, "nccl: seconds");
  check(reducer->seconds_running() > 0.0, "nccl: seconds of the sums");
  check(reducer->seconds_hidden() >= 0.0 && reducer->seconds_hidden() <= reducer->seconds_running(),
        "nccl: hidden seconds");
  reducer->wait();  // nothing started: returns at once
}
