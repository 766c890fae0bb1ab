#include "eebench/core/build_info.hpp"

#include "eebench/core/build_settings.hpp"
#include "eebench/core/git_revision.hpp"

namespace eebench {

BuildInfo build_info() {
  return {git_sha, git_dirty, build_compiler, build_type, build_flags, build_source_dir};
}

}  // namespace eebench
