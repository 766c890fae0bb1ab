#include "eebench/sys/resource.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "eebench/core/build_info.hpp"
#include "eebench/core/error.hpp"

namespace eebench::sys {

std::filesystem::path find_resource(const std::filesystem::path& name) {
  namespace fs = std::filesystem;
  std::vector<fs::path> roots;
  if (const char* share = std::getenv("EEBENCH_SHARE")) {
    roots.emplace_back(share);
  }
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  roots.push_back(program.parent_path().parent_path() / "share" / "eebench");
  roots.emplace_back(build_info().source_dir);

  std::string looked;
  for (const fs::path& root : roots) {
    if (fs::exists(root / name, ignored)) {
      return root / name;
    }
    looked += (looked.empty() ? "" : ", ") + root.string();
  }
  throw InputError(
      fmt::format("'{}' was not found in {}; set EEBENCH_SHARE to the folder that holds "
                  "eebench's configs and suites",
                  name.string(), looked));
}

}  // namespace eebench::sys
