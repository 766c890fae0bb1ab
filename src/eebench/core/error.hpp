#pragma once

#include <stdexcept>
#include <string>

namespace eebench {

/// What the process returns; documented in the README.
enum class ExitCode : int {
  ok = 0,
  gate_failed = 1,    ///< a comparison asked for with --fail-on failed
  usage = 2,          ///< wrong command line, configuration or input file
  points_failed = 3,  ///< finished, but some points failed
  internal = 70,      ///< a defect of eebench or a library
  io = 74,            ///< a write failed, or a phase overran its deadline
  preempted = 75,     ///< stopped by a signal after saving; run again with --resume
  environment = 77,   ///< this machine lacks what was asked for (GPU, NCCL, ...)
};

/// An error that ends the command. The message is one line that says what is wrong, where, and what
/// to do about it.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// What the user gave us is wrong: command line, configuration, data, weights.
struct InputError : Error {
  explicit InputError(const std::string& message) : Error(ExitCode::usage, message) {}
};

/// The machine lacks something that was asked for.
struct EnvironmentError : Error {
  explicit EnvironmentError(const std::string& message) : Error(ExitCode::environment, message) {}
};

/// Reading or writing failed although the request was sound.
struct IoError : Error {
  explicit IoError(const std::string& message) : Error(ExitCode::io, message) {}
};

}  // namespace eebench
