#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <hdf5.h>

#include "eebench/h5/handle.hpp"

namespace eebench::h5 {

/// Fixed-length UTF-8 padded with zeros; `width` in bytes. Variable-length strings cannot be
/// written in parallel.
Handle fixed_string_type(std::size_t width);
/// Bytes of the longest text, at least 1: HDF5 has no string type of length zero.
std::size_t width_of(std::span<const std::string> texts);
/// The texts side by side, each padded to `width`.
std::vector<char> pack(std::span<const std::string> texts, std::size_t width);

/// Reads strings of fixed or variable length from a dataset or attribute. `space` describes them;
/// `read(memory_type, buffer)` transfers and returns HDF5's status. `where` names the object in
/// errors.
std::vector<std::string> read_strings(hid_t object, hid_t file_type, hid_t space,
                                      std::string_view where,
                                      const std::function<herr_t(hid_t, void*)>& read);

}  // namespace eebench::h5
