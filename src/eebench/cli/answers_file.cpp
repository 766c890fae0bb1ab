#include "eebench/cli/answers_file.hpp"

#include <fmt/format.h>

#include "eebench/cli/provenance.hpp"
#include "eebench/core/error.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::cli {
namespace {

/// Of a file or a folder, which may end in a slash.
std::string name_of(const std::filesystem::path& path) {
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

}  // namespace

void check_output(const std::filesystem::path& output,
                  std::span<const std::filesystem::path> inputs) {
  const std::filesystem::path folder = std::filesystem::absolute(output).parent_path();
  if (!std::filesystem::is_directory(folder)) {
    throw InputError(fmt::format("-o {}: there is no folder {}; make it or name another",
                                 output.string(), folder.string()));
  }
  if (std::filesystem::is_directory(output)) {
    throw InputError(fmt::format("-o {} is a folder; name a file in it", output.string()));
  }
  const bool exists = std::filesystem::exists(output);
  if (exists && !std::filesystem::is_regular_file(output)) {
    throw InputError(fmt::format("-o {} is no ordinary file and would be replaced; name another",
                                 output.string()));
  }
  sys::check_writable(output);
  for (const std::filesystem::path& input : inputs) {
    std::error_code missing;
    if (std::filesystem::equivalent(output, input, missing) ||
        (exists && std::filesystem::equivalent(folder, input, missing))) {
      throw InputError(
          fmt::format("-o {} may replace what is read; name another file", output.string()));
    }
  }
}

h5::Attributes origin(const comm::Communicator& comm, const AnswersFile& file,
                      const bench::Subject& subject, const std::string& command_line) {
  h5::Attributes attributes = provenance(comm, command_line, file.settings);
  attributes["format"] = std::string("eebench predictions");
  attributes["format_version"] = std::int64_t{1};
  attributes["weights"] = name_of(file.weights);
  attributes["weights_sha256"] = subject.weights_sha256;
  attributes["data"] = name_of(file.data);
  attributes["data_sha256"] = subject.jets.sha256;
  attributes["precision"] = std::string(exec::name(file.settings.precision));
  attributes["batch"] = file.batch;
  attributes["rule"] = file.rule.empty() ? "none" : file.rule;
  if (!file.rule.empty()) {
    attributes["thresholds"] = file.thresholds;
  }
  if (exits::is_fitted(file.rule)) {
    attributes["gates_sha256"] = subject.gates_sha256;
  }
  return attributes;
}

void write_places(store::ShareFile& file, const bench::Jets& jets) {
  if (!jets.place) {
    return;
  }
  std::vector<std::int64_t> places;
  for (hsize_t jet = file.first(); jet < file.first() + file.count(); ++jet) {
    places.push_back(jets.place(static_cast<std::int64_t>(jet)));
  }
  file.write("place", {"jet"}, places, "of the jet in the data file, from 0");
}

}  // namespace eebench::cli
