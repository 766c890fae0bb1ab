#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

namespace eebench {

/// The word as a POSIX shell must read it, for commands that are printed to be pasted: as it stands
/// where it has only letters, digits and @%+=:,./_- , else in single quotes.
inline std::string shell_quoted(std::string_view word) {
  constexpr std::string_view plain = "@%+=:,./_-";
  const auto is_plain = [&](unsigned char c) {
    return c < 128 && (std::isalnum(c) != 0 || plain.find(static_cast<char>(c)) != plain.npos);
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) {
    return std::string(word);
  }
  std::string quoted = "'";
  for (const char c : word) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

}  // namespace eebench
