#include "eebench/h5/strings.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/h5/check.hpp"

namespace eebench::h5 {

Handle fixed_string_type(std::size_t width) {
  Handle type = check_id(H5Tcopy(H5T_C_S1), "string type", "copy");
  check(H5Tset_size(type.get(), width), "string type", "set the size");
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "string type", "set the character set");
  check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "string type", "set the padding");
  return type;
}

std::size_t width_of(std::span<const std::string> texts) {
  std::size_t width = 1;
  for (const std::string& text : texts) {
    width = std::max(width, text.size());
  }
  return width;
}

std::vector<char> pack(std::span<const std::string> texts, std::size_t width) {
  std::vector<char> packed(texts.size() * width, '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::copy(texts[i].begin(), texts[i].end(),
              packed.begin() + static_cast<std::ptrdiff_t>(i * width));
  }
  return packed;
}

std::vector<std::string> read_strings(hid_t object, hid_t file_type, hid_t space,
                                      std::string_view where,
                                      const std::function<herr_t(hid_t, void*)>& read) {
  if (H5Tget_class(file_type) != H5T_STRING) {
    throw InputError(
        fmt::format("{}: holds numbers where text is expected; make the file again", where));
  }
  const std::size_t width = H5Tget_size(file_type);
  const std::size_t count = checked_size(object, space, width, where);
  std::vector<std::string> texts(count);
  if (count == 0) {
    return texts;
  }
  if (H5Tis_variable_str(file_type) > 0) {
    std::vector<char*> pointers(count, nullptr);
    const herr_t status = read(file_type, pointers.data());
    for (std::size_t i = 0; i < count; ++i) {
      texts[i] = pointers[i] != nullptr ? pointers[i] : "";
    }
    check(H5Dvlen_reclaim(file_type, space, H5P_DEFAULT, pointers.data()), where, "read");
    check_read(status, where);
    return texts;
  }
  std::vector<char> packed(count * width);
  check_read(read(file_type, packed.data()), where);
  for (std::size_t i = 0; i < count; ++i) {
    const char* begin = packed.data() + i * width;
    texts[i].assign(begin, strnlen(begin, width));
  }
  return texts;
}

}  // namespace eebench::h5
