#include "eebench/store/predictions_file.hpp"

#include "eebench/sys/files.hpp"

namespace eebench::store {
namespace {

/// An AllExits or TakenExits, with the exit that each jet took.
template <class Answers>
void write(const std::filesystem::path& path, const comm::Communicator& comm, const Answers& share,
           const std::vector<std::int64_t>& exit_index, const std::vector<std::string>& axes,
           const std::string& meaning, const std::string& mark, const h5::Attributes& attributes,
           const std::function<void(ShareFile&)>& more) {
  ShareFile file(path, sys::part_of(path), comm, share.jets(), attributes);
  file.dimensions(share.exits, share.classes);
  file.write("logits", axes, share.logits, meaning).set_attribute("mark", mark);
  file.write("exit_index", {"jet"}, narrowed(exit_index), "exit that the jet took")
      .set_attribute("mark", mark);
  file.write("label", {"jet"}, narrowed(share.labels), "class index");
  more(file);
  file.publish();
}

}  // namespace

void write_predictions(const std::filesystem::path& path, const comm::Communicator& comm,
                       const AllExits& share, const h5::Attributes& attributes,
                       const std::function<void(ShareFile&)>& more) {
  const std::vector<std::int64_t> to_the_end(share.labels.size(), share.exits - 1);
  write(path, comm, share, to_the_end, {"jet", "exit", "class"}, "answer of every exit", "replayed",
        attributes, more);
}

void write_predictions(const std::filesystem::path& path, const comm::Communicator& comm,
                       const TakenExits& share, const h5::Attributes& attributes,
                       const std::function<void(ShareFile&)>& more) {
  write(path, comm, share, share.exit_index, {"jet", "class"},
        "answer of the exit that the jet took", "measured", attributes, more);
}

}  // namespace eebench::store
