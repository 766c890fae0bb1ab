#include "eebench/data/cifar.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::data {
namespace {

constexpr std::size_t pixels_of_image = std::size_t{3} * 32 * 32;
constexpr std::size_t bytes_of_record = 1 + pixels_of_image;
constexpr const char* get_again = "get it again with `python -m eebench_analysis fetch cifar10`";

/// The path itself, or of a folder those it holds.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    return {path};
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("data_batch_") && name.ends_with(".bin")) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

bool CifarFiles::match(const std::filesystem::path& path) {
  return std::filesystem::is_directory(path) ? !files_of(path).empty() : path.extension() == ".bin";
}

CifarFiles::CifarFiles(std::filesystem::path path)
    : path_(std::move(path)), files_(files_of(path_)) {
  std::int64_t images = 0;
  for (const auto& file : files_) {
    sys::check_is_file(file);
    const std::uintmax_t bytes = std::filesystem::file_size(file);
    if (bytes == 0 || bytes % bytes_of_record != 0) {
      throw InputError(
          fmt::format("{}: {} bytes are no whole number of images of {}, image {} is "
                      "cut off; {}",
                      file.string(), bytes, bytes_of_record, bytes / bytes_of_record, get_again));
    }
    images += static_cast<std::int64_t>(bytes / bytes_of_record);
    ends_.push_back(images);
  }
}

const std::vector<std::string>& CifarFiles::classes() const {
  static const std::vector<std::string> names{"airplane", "automobile", "bird",  "cat",  "deer",
                                              "dog",      "frog",       "horse", "ship", "truck"};
  return names;
}

std::vector<unsigned char> CifarFiles::records(std::int64_t begin, std::int64_t end) const {
  std::vector<unsigned char> bytes(static_cast<std::size_t>(end - begin) * bytes_of_record);
  auto* to = reinterpret_cast<char*>(bytes.data());
  std::int64_t first = 0;  // of the file
  for (std::size_t f = 0; f < files_.size(); first = ends_[f++]) {
    const std::int64_t from = std::max(begin, first);
    const std::int64_t count = std::min(end, ends_[f]) - from;
    if (count <= 0) {
      continue;
    }
    const std::string file = files_[f].string();
    std::ifstream in(file, std::ios::binary);
    const auto size = static_cast<std::streamsize>(count) * std::streamsize{bytes_of_record};
    in.seekg((from - first) * static_cast<std::int64_t>(bytes_of_record));
    if (!in.read(to, size)) {
      throw IoError(fmt::format("{}: cannot be read; check its permissions", file));
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const auto label = static_cast<unsigned char>(to[i * std::int64_t{bytes_of_record}]);
      if (label >= classes().size()) {
        throw InputError(fmt::format("{}: image {} has label {}, CIFAR-10 has 0 to {}; {}", file,
                                     from - first + i, label, classes().size() - 1, get_again));
      }
    }
    to += size;
  }
  return bytes;
}

std::vector<std::int64_t> CifarFiles::labels(std::int64_t begin, std::int64_t end) const {
  const std::vector<unsigned char> bytes = records(begin, end);
  std::vector<std::int64_t> labels;
  for (std::size_t at = 0; at < bytes.size(); at += bytes_of_record) {
    labels.push_back(bytes[at]);
  }
  return labels;
}

JetBatch CifarFiles::read(std::int64_t begin, std::int64_t end,
                          const std::vector<Variable>& pixels) const {
  const std::vector<unsigned char> bytes = records(begin, end);
  JetBatch batch;
  const auto images = static_cast<std::size_t>(end - begin);
  batch.features_per_particle = pixels_of_image;
  batch.features.reserve(images * pixels_of_image);
  for (std::size_t i = 0; i < images; ++i) {
    const unsigned char* record = &bytes[i * bytes_of_record];
    batch.offsets.push_back(batch.offsets.back() + 1);
    batch.labels.push_back(record[0]);
    batch.index.push_back(begin + static_cast<std::int64_t>(i));
    for (std::size_t p = 0; p < pixels_of_image; ++p) {
      batch.features.push_back(pixels[p].standardise(static_cast<float>(record[1 + p]) / 255.0F));
    }
  }
  batch.points.resize(2 * images);
  batch.vectors.resize(4 * images);
  return batch;
}

}  // namespace eebench::data
