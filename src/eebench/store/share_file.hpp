#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/h5/attributes.hpp"
#include "eebench/h5/file.hpp"

namespace eebench::store {

/// A file for xarray into which every rank writes its own jets, in the order of the ranks. It
/// appears under its name when it is complete; until then it is `part`, in the same file system.
class ShareFile {
 public:
  /// \collective `jets`: of this rank.
  ShareFile(std::filesystem::path path, std::filesystem::path part, const comm::Communicator& comm,
            std::int64_t jets, const h5::Attributes& attributes);

  /// Of this rank's jets, the place of the first among all, and their number.
  hsize_t first() const { return first_; }
  hsize_t count() const { return count_; }

  /// \collective Dimensions `exit`, counted from 0, and `class`.
  void dimensions(std::int64_t exits, const std::vector<std::string>& classes);

  /// \collective Another dimension; the root's values count.
  template <class T>
  void dimension(const std::string& name, const std::vector<T>& values) {
    file_.dimension(name, values);
  }

  /// \collective A variable over these dimensions, the first of which is `jet`; `values`: of this
  /// rank's jets.
  template <class T>
  h5::Dataset write(const std::string& name, const std::vector<std::string>& dimensions,
                    const std::vector<T>& values, const std::string& meaning,
                    const std::string& unit = "1") {
    h5::Dataset dataset = file_.create<T>(name, dimensions);
    dataset.set_attribute("long_name", meaning);
    dataset.set_attribute("units", unit);
    h5::Extents start(dataset.shape().size(), 0);
    h5::Extents extent = dataset.shape();
    start[0] = count_ > 0 ? first_ : 0;
    extent[0] = count_;
    dataset.write(values, start, extent);
    return dataset;
  }

  /// \collective A variable that is not of jets; the root's values count.
  template <class T>
  h5::Dataset write_whole(const std::string& name, const std::vector<std::string>& dimensions,
                          const std::vector<T>& values, const std::string& meaning,
                          const std::string& unit = "1") {
    h5::Dataset dataset = file_.create<T>(name, dimensions);
    dataset.set_attribute("long_name", meaning);
    dataset.set_attribute("units", unit);
    dataset.write(values);
    return dataset;
  }

  /// \collective Closes the file and puts it into place.
  void publish();

 private:
  comm::Communicator comm_;
  std::filesystem::path path_;
  std::filesystem::path part_;
  hsize_t count_;  ///< jets of this rank
  hsize_t first_;  ///< jets of the ranks before
  h5::File file_;
};

/// Counts as the file stores them.
inline std::vector<std::int32_t> narrowed(const std::vector<std::int64_t>& values) {
  return {values.begin(), values.end()};
}

}  // namespace eebench::store
