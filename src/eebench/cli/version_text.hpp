#pragma once

#include <string>

namespace eebench::cli {

/// The provenance block of --version: eebench, compiler, and the libraries it runs with.
std::string version_text();

}  // namespace eebench::cli
