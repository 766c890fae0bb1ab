#pragma once

#include <string_view>

namespace eebench {

/// How this program was built: part of the provenance of every result.
struct BuildInfo {
  std::string_view git_sha;  ///< "unknown" when built outside a git repository
  bool git_dirty;            ///< the sources differed from that commit
  std::string_view compiler;
  std::string_view build_type;
  std::string_view flags;
  std::string_view source_dir;
};

BuildInfo build_info();

}  // namespace eebench
