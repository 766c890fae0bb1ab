#pragma once

#include <filesystem>

namespace eebench::sys {

/// A file or folder that travels with eebench, e.g. "configs/models/part.toml": looked for in
/// $EEBENCH_SHARE, then <folder of the program>/../share/eebench, then the source tree the program
/// was built from. Throws InputError that lists where it looked.
std::filesystem::path find_resource(const std::filesystem::path& name);

}  // namespace eebench::sys
