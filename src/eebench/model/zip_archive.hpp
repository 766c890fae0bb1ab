#pragma once

#include <cstring>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "eebench/core/error.hpp"

namespace eebench::model {

using Bytes = std::span<const unsigned char>;

/// Little-endian numbers and pieces of a byte range, never beyond its end: InputError there.
class ByteReader {
 public:
  ByteReader(Bytes bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {}

  template <class T>
  T number() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  Bytes take(std::size_t size) {
    if (size > bytes_.size() - position_) {
      throw InputError(where_ + ": ends early; copy or download the file again");
    }
    const Bytes piece = bytes_.subspan(position_, size);
    position_ += size;
    return piece;
  }
  std::string text(std::size_t size) {
    const Bytes piece = take(size);
    return {piece.begin(), piece.end()};
  }
  std::string line() {
    std::string text;
    for (char c = number<char>(); c != '\n'; c = number<char>()) {
      text += c;
    }
    return text;
  }
  void seek(std::size_t position) {
    position_ = 0;
    take(position);
  }

 private:
  Bytes bytes_;
  std::string where_;
  std::size_t position_ = 0;
};

/// Entries of a zip archive without compression (APPNOTE 4.3), by name. Throws InputError.
std::map<std::string, Bytes> zip_entries(Bytes file, const std::string& where);

}  // namespace eebench::model
