#pragma once

#include <filesystem>

namespace eebench::cli {

/// Before hours of work: throws InputError unless a file can be made beside `file`, where what will
/// replace it is written first.
void check_writable(const std::filesystem::path& file);

}  // namespace eebench::cli
