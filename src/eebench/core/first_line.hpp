#pragma once

#include <string>
#include <string_view>

namespace eebench {

/// What a library says without the stack trace that follows.
inline std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace eebench
