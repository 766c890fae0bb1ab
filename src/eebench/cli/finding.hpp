#pragma once

#include <string>

namespace eebench::cli {

enum class Level { fine, notice, unusable };

/// One thing `doctor` looked at.
struct Finding {
  Level level;
  std::string topic;
  std::string fact;
  std::string remedy = {};  ///< what to do; empty where nothing is to be done
};

}  // namespace eebench::cli
