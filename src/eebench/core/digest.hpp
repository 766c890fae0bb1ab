#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace eebench {

/// SHA-256, fed piece by piece.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  Digest& add(std::span<const std::byte> bytes);
  Digest& add(std::string_view text);
  template <class T>
  Digest& add_values(std::span<const T> values) {
    return add(std::as_bytes(values));
  }
  /// Lower-case hexadecimal, 64 characters. Ends the computation.
  std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

inline std::string sha256(std::string_view text) { return Digest().add(text).hex(); }

/// For names that other programs made so, not for security.
std::string md5(std::string_view text);

/// Of the file's bytes. Throws IoError where it cannot be read.
std::string sha256_file(const std::filesystem::path& file);

/// Of several files: the SHA-256 of the lines of theirs; of one, its own.
std::string joint_sha256(std::span<const std::string> of_files);

}  // namespace eebench
