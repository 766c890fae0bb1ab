#include "eebench/store/share_file.hpp"

#include <numeric>
#include <utility>

#include "eebench/sys/files.hpp"

namespace eebench::store {

ShareFile::ShareFile(std::filesystem::path path, std::filesystem::path part,
                     const comm::Communicator& comm, std::int64_t jets,
                     const h5::Attributes& attributes)
    : comm_(comm),
      path_(std::move(path)),
      part_(std::move(part)),
      count_(static_cast<hsize_t>(jets)),
      file_(h5::File::create(part_, comm_)) {
  const std::vector<std::int64_t> counts = comm_.all_gather(jets);
  first_ = static_cast<hsize_t>(
      std::accumulate(counts.begin(), counts.begin() + comm_.rank(), std::int64_t{0}));
  const auto total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  h5::set_attributes(file_, attributes);
  file_.set_attribute("jets", total);
  file_.dimension("jet", static_cast<hsize_t>(total));
}

void ShareFile::dimensions(std::int64_t exits, const std::vector<std::string>& classes) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(exits));
  std::iota(numbers.begin(), numbers.end(), 0);
  file_.dimension("exit", numbers);
  file_.dimension("class", classes);
}

void ShareFile::publish() {
  file_.close();
  comm_.agree([&] {
    if (comm_.is_root()) {
      sys::publish_finished(part_, path_);
    }
  });
}

}  // namespace eebench::store
