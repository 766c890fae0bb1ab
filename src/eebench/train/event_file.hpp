#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace eebench::train {

/// The check sum of TFRecord files, CRC-32C (Castagnoli, RFC 3720 appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

/// Scalars for TensorBoard: a file events.out.tfevents.<time>.<pid> of Event messages in TFRecords
/// (tensorflow/core/util/event.proto and lib/io/record_writer.h).
class EventFile {
 public:
  /// `step`: done before this file; what an earlier file of the folder says of later steps no
  /// longer counts.
  EventFile(const std::filesystem::path& folder, std::int64_t step);

  void scalars(std::int64_t step, std::span<const std::pair<std::string, double>> values);

 private:
  void write(std::int64_t step, std::string_view content);

  std::ofstream file_;
};

}  // namespace eebench::train
