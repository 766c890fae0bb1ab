#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eebench/bench/subject.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/h5/attributes.hpp"
#include "eebench/store/share_file.hpp"

namespace eebench::cli {

/// A file of what a network says of jets.
struct AnswersFile {
  std::filesystem::path path;
  std::filesystem::path weights;
  std::filesystem::path data;
  std::string rule;  ///< empty: every exit answers
  std::vector<double> thresholds;
  std::int64_t batch;
  exec::Settings settings;
};

/// Before hours of work: throws InputError unless there is a place for the file that is neither an
/// input nor a file of a folder that is one. On the root alone.
void check_output(const std::filesystem::path& output,
                  std::span<const std::filesystem::path> inputs);

/// Where the answers come from. \collective
h5::Attributes origin(const comm::Communicator& comm, const AnswersFile& file,
                      const bench::Subject& subject, const std::string& command_line);

/// Adds place[jet], where each answered jet stands in its file, unless all of its jets count.
/// \collective
void write_places(store::ShareFile& file, const bench::Jets& jets);

}  // namespace eebench::cli
