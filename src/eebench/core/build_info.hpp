#pragma once

#include <string>
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

  /// The commit, "... with changes" where it is not all.
  std::string commit() const { return std::string(git_sha) + (git_dirty ? " with changes" : ""); }
};

BuildInfo build_info();

}  // namespace eebench
