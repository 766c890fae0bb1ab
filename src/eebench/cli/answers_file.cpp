#include "eebench/cli/answers_file.hpp"

#include <fmt/format.h>

#include "eebench/cli/provenance.hpp"
#include "eebench/core/error.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::cli {

void check_output(const AnswersFile& file) {
  const std::filesystem::path& output = file.path;
  const std::filesystem::path folder = std::filesystem::absolute(output).parent_path();
  if (!std::filesystem::is_directory(folder)) {
    throw InputError(fmt::format("-o {}: there is no folder {}; make it or name another",
                                 output.string(), folder.string()));
  }
  if (std::filesystem::is_directory(output)) {
    throw InputError(fmt::format("-o {} is a folder; name a file in it", output.string()));
  }
  sys::check_writable(output);
  for (const std::filesystem::path& input : {file.data, file.weights}) {
    std::error_code missing;
    if (std::filesystem::equivalent(output, input, missing)) {
      throw InputError(
          fmt::format("-o {} would replace what is read; name another file", output.string()));
    }
  }
}

h5::Attributes origin(const comm::Communicator& comm, const AnswersFile& file,
                      const bench::Subject& subject, const std::string& command_line) {
  h5::Attributes attributes = provenance(comm, command_line, file.settings);
  attributes["format"] = std::string("eebench predictions");
  attributes["format_version"] = std::int64_t{1};
  attributes["weights"] = file.weights.filename().string();
  attributes["weights_sha256"] = subject.weights_sha256;
  attributes["data"] = file.data.filename().string();
  attributes["data_sha256"] = subject.jets.sha256;
  attributes["batch"] = file.batch;
  attributes["rule"] = file.rule.empty() ? "none" : file.rule;
  if (!file.rule.empty()) {
    attributes["thresholds"] = file.thresholds;
  }
  if (file.rule == "learned") {
    attributes["gates_sha256"] = subject.gates_sha256;
  }
  return attributes;
}

}  // namespace eebench::cli
