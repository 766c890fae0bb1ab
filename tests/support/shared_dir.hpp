#pragma once

#include <exception>
#include <filesystem>
#include <optional>

#include "eebench/comm/communicator.hpp"
#include "tests/support/scratch_dir.hpp"

namespace eebench::test {

/// One scratch directory for all ranks, removed when all are done with it. \collective
class SharedDir {
 public:
  explicit SharedDir(const comm::Communicator& ranks) : ranks_(ranks) {
    if (ranks_.is_root()) {
      own_.emplace();
    }
    path_ = ranks_.broadcast(own_ ? own_->path().string() : "");
  }
  ~SharedDir() {
    if (std::uncaught_exceptions() == 0) {
      ranks_.barrier();
    }
  }
  SharedDir(const SharedDir&) = delete;
  SharedDir& operator=(const SharedDir&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  comm::Communicator ranks_;
  std::optional<ScratchDir> own_;
  std::filesystem::path path_;
};

}  // namespace eebench::test
