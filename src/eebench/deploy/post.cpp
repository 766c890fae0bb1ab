#include "eebench/deploy/post.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace eebench::deploy {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// All links between two tiers as one.
Link between(const Plan& plan, std::size_t one, std::size_t other) {
  double latency = 0.0;
  double seconds_per_byte = 0.0;
  for (std::size_t tier = std::min(one, other) + 1; tier <= std::max(one, other); ++tier) {
    latency += plan.tiers[tier].link.latency;
    seconds_per_byte += 1.0 / plan.tiers[tier].link.bandwidth;
  }
  return {latency, 1.0 / seconds_per_byte};
}

}  // namespace

Post::Post(const comm::Communicator& comm, const Plan& plan) : mailbox_(comm) {
  const std::size_t own = plan.tier_of(comm.rank());
  for (std::int64_t rank = 0; rank < plan.ranks(); ++rank) {
    lines_.push_back({.link = between(plan, plan.tier_of(rank), own)});
  }
}

std::size_t Post::send(std::int64_t to, Kind kind, const std::vector<std::byte>& content) {
  const double time = now();
  std::vector<std::byte> bytes(sizeof time + content.size());
  std::memcpy(bytes.data(), &time, sizeof time);
  std::copy(content.begin(), content.end(), bytes.begin() + sizeof time);
  const std::size_t size = bytes.size();
  mailbox_.send(static_cast<int>(to), static_cast<int>(kind), std::move(bytes));
  return size;
}

std::optional<Post::Letter> Post::receive() {
  while (auto message = mailbox_.receive()) {
    Line& line = lines_[static_cast<std::size_t>(message->from)];
    double sent = 0.0;
    std::memcpy(&sent, message->bytes.data(), sizeof sent);
    line.free = std::max(sent, line.free) +
                static_cast<double>(message->bytes.size()) / line.link.bandwidth;
    message->bytes.erase(message->bytes.begin(), message->bytes.begin() + sizeof sent);
    line.waiting.push_back(
        {line.link.emulated() ? line.free + line.link.latency : 0.0,
         {message->from, static_cast<Kind>(message->kind), std::move(message->bytes)}});
  }
  for (Line& line : lines_) {
    if (!line.waiting.empty() && line.waiting.front().due <= now()) {
      Letter letter = std::move(line.waiting.front().letter);
      line.waiting.pop_front();
      return letter;
    }
  }
  return {};
}

}  // namespace eebench::deploy
