#include "eebench/comm/bucket_plan.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace eebench::comm {

std::vector<Bucket> plan_buckets(std::span<const std::size_t> counts, std::size_t max_count) {
  std::vector<Bucket> plan;
  std::size_t offset = std::accumulate(counts.begin(), counts.end(), std::size_t{0});
  for (std::size_t parameter = counts.size(); parameter-- > 0;) {
    const std::size_t count = counts[parameter];
    offset -= count;
    if (plan.empty() || plan.back().count + count > max_count) {
      plan.push_back({});
    }
    Bucket& bucket = plan.back();
    bucket.first_parameter = parameter;
    bucket.parameters += 1;
    bucket.offset = offset;
    bucket.count += count;
  }
  return plan;
}

BucketSchedule::BucketSchedule(std::vector<Bucket> plan) : plan_(std::move(plan)) {
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    const std::size_t end = plan_[i].first_parameter + plan_[i].parameters;
    bucket_of_.resize(std::max(bucket_of_.size(), end));
    std::fill_n(bucket_of_.begin() + static_cast<std::ptrdiff_t>(plan_[i].first_parameter),
                plan_[i].parameters, i);
    missing_.push_back(plan_[i].parameters);
  }
}

std::span<const Bucket> BucketSchedule::ready(std::size_t parameter) {
  --missing_.at(bucket_of_.at(parameter));
  const std::size_t begin = next_;
  while (next_ < plan_.size() && missing_[next_] == 0) {
    ++next_;
  }
  return std::span<const Bucket>(plan_).subspan(begin, next_ - begin);
}

std::span<const Bucket> BucketSchedule::finish() {
  const auto rest = std::span<const Bucket>(plan_).subspan(next_);
  next_ = 0;
  std::transform(plan_.begin(), plan_.end(), missing_.begin(),
                 [](const Bucket& bucket) { return bucket.parameters; });
  return rest;
}

}  // namespace eebench::comm
