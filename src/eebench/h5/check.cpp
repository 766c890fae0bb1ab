#include "eebench/h5/check.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"

namespace eebench::h5 {
namespace {

herr_t append(unsigned, const H5E_error2_t* entry, void* data) {
  auto& text = *static_cast<std::string*>(data);
  const std::string_view words = entry->desc != nullptr ? entry->desc : "";
  if (!words.empty()) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", entry->func_name, words);
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return 0;
}

herr_t keep_last(unsigned, const H5E_error2_t* entry, void* data) {
  *static_cast<std::string*>(data) = entry->desc != nullptr ? entry->desc : "";
  return 0;
}

[[noreturn]] void fail(std::string_view where, std::string_view doing) {
  throw IoError(fmt::format("{}: HDF5 could not {}: {}", where, doing, error_text()));
}

}  // namespace

std::string error_text() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, append, &text);
  H5Eclear2(H5E_DEFAULT);
  return text;
}

void check(herr_t status, std::string_view where, std::string_view doing) {
  if (status < 0) {
    fail(where, doing);
  }
}

void check_read(herr_t status, std::string_view where) {
  if (status < 0) {
    std::string cause;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_last, &cause);
    H5Eclear2(H5E_DEFAULT);
    throw InputError(
        fmt::format("{}: cannot be read ({}); it is damaged or of another kind, copy "
                    "the file again or make it again",
                    where, cause));
  }
}

Handle check_id(hid_t id, std::string_view where, std::string_view doing) {
  if (id < 0) {
    fail(where, doing);
  }
  return Handle(id);
}

Handle check_read_id(hid_t id, std::string_view where) {
  check_read(id < 0 ? -1 : 0, where);
  return Handle(id);
}

std::size_t checked_size(hid_t object, const Extents& count, std::size_t width,
                         std::string_view where) {
  constexpr hsize_t always_fine = 1 << 20;
  constexpr hsize_t best_of_deflate = 1032;  // zlib's technical details
  const Handle file = check_id(H5Iget_file_id(object), where, "find the file");
  hsize_t bytes = 0;
  // Not known while ranks write the file together: then it is ours, and believed.
  const bool is_known = H5Fget_filesize(file.get(), &bytes) >= 0;
  const hsize_t fits = is_known ? std::max(always_fine, bytes * best_of_deflate)
                                : std::numeric_limits<hsize_t>::max();
  const hsize_t most = fits / std::max<hsize_t>(width, 1);
  hsize_t elements = 1;
  for (const hsize_t count_of_axis : count) {
    const hsize_t extent = std::max<hsize_t>(count_of_axis, 1);  // none may be huge beside a 0
    if (extent > most / elements) {
      throw InputError(
          fmt::format("{}: claims to hold [{}] values, more than fit into {} bytes of "
                      "file; make the file again",
                      where, fmt::join(count, ", "), bytes));
    }
    elements *= extent;
  }
  return std::count(count.begin(), count.end(), hsize_t{0}) > 0 ? 0 : elements;
}

std::size_t checked_size(hid_t object, hid_t space, std::size_t width, std::string_view where) {
  const hssize_t count = H5Sget_simple_extent_npoints(space);
  check_read(count < 0 ? -1 : 0, where);
  return checked_size(object, Extents{static_cast<hsize_t>(count)}, width, where);
}

}  // namespace eebench::h5
