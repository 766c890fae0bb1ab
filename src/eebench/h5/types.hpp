#pragma once

#include <concepts>
#include <cstdint>
#include <vector>

#include <hdf5.h>

namespace eebench::h5 {

using Extents = std::vector<hsize_t>;

/// Number types that files hold. Memory type and file type are always the same on writing: a
/// conversion would silently turn a collective write into an independent one.
template <class T>
concept Element =
    std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int8_t> ||
    std::same_as<T, std::uint8_t> || std::same_as<T, std::int32_t> || std::same_as<T, std::int64_t>;

template <Element T>
hid_t native_type() {
  if constexpr (std::same_as<T, float>) {
    return H5T_NATIVE_FLOAT;
  } else if constexpr (std::same_as<T, double>) {
    return H5T_NATIVE_DOUBLE;
  } else if constexpr (std::same_as<T, std::int8_t>) {
    return H5T_NATIVE_INT8;
  } else if constexpr (std::same_as<T, std::uint8_t>) {
    return H5T_NATIVE_UINT8;
  } else if constexpr (std::same_as<T, std::int32_t>) {
    return H5T_NATIVE_INT32;
  } else {
    return H5T_NATIVE_INT64;
  }
}

inline hsize_t product(const Extents& extents) {
  hsize_t elements = 1;
  for (const hsize_t extent : extents) {
    elements *= extent;
  }
  return elements;
}

}  // namespace eebench::h5
