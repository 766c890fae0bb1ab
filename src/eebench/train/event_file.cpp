#include "eebench/train/event_file.hpp"

#include <array>
#include <bit>
#include <chrono>

#include <fmt/format.h>
#include <unistd.h>

namespace eebench::train {
namespace {

static_assert(std::endian::native == std::endian::little, "records are little-endian");

template <class T>
std::string bytes_of(T value) {
  const auto raw = std::bit_cast<std::array<char, sizeof(T)>>(value);
  return {raw.begin(), raw.end()};
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) {
    bytes += static_cast<char>(value | 0x80);
  }
  return bytes + static_cast<char>(value);
}

/// Fields of protocol buffers, by number.
std::string field(int number, double value) {
  return static_cast<char>(number << 3 | 1) + bytes_of(value);
}
std::string field(int number, float value) {
  return static_cast<char>(number << 3 | 5) + bytes_of(value);
}
std::string field(int number, std::int64_t value) {
  return static_cast<char>(number << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string field(int number, std::string_view value) {
  return static_cast<char>(number << 3 | 2) + varint(value.size()) + std::string(value);
}

/// Check sums are stored rotated and shifted, lest they be taken of what holds them.
std::string masked(std::string_view bytes) {
  return bytes_of(std::rotr(crc32c(bytes), 15) + 0xa282ead8U);
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
  }
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder, std::int64_t step)
    : file_(folder / fmt::format("events.out.tfevents.{:010.0f}.{}", now(), getpid()),
            std::ios::binary) {
  write(0, field(3, "brain.Event:2"));
  constexpr std::int64_t start = 1;
  write(step + 1, field(7, field(1, start)));  // SessionLog: forget this step and later ones
}

void EventFile::scalars(std::int64_t step, std::span<const std::pair<std::string, double>> values) {
  std::string summary;
  for (const auto& [tag, value] : values) {
    summary += field(1, field(1, tag) + field(2, static_cast<float>(value)));
  }
  write(step, field(5, summary));
}

void EventFile::write(std::int64_t step, std::string_view content) {
  const std::string event = field(1, now()) + field(2, step) + std::string(content);
  const std::string length = bytes_of(static_cast<std::uint64_t>(event.size()));
  file_ << length << masked(length) << event << masked(event) << std::flush;
}

}  // namespace eebench::train
