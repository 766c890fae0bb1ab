#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/h5/dataset.hpp"

namespace eebench::h5 {

/// How a new dataset lies in the file.
struct Storage {
  Extents chunk;    ///< empty: contiguous. One chunk should belong to one rank.
  int deflate = 0;  ///< 0 (off) to 9, with byte shuffling; needs chunks
  std::optional<double>
      fill;  ///< where nothing was written; default NaN for floats, 0 for integers
};

/// Rows of a variable that lie in another file, in the variable of the same name.
struct RowSource {
  std::string file;           ///< relative to the folder of the file that refers to it
  std::vector<hsize_t> rows;  ///< of the variable here: where each row of the one there belongs
  Extents axes;               ///< lengths of its other axes, at most those here
};

/// An HDF5 file. Given a communicator of several ranks it is opened by all of them through MPI-IO:
/// then everything that creates, changes, writes, reads or closes is \collective, with the same
/// arguments on every rank. Without one, this rank has it for itself.
///
/// A file of dimensions and variables follows netCDF-4: each axis of a variable is a dimension made
/// with dimension(), so that xarray opens the file as it is. array() makes datasets outside that
/// convention, in files that are not meant for xarray.
class File : public Object {
 public:
  /// \collective Replaces an existing file.
  static File create(const std::filesystem::path& path, const comm::Communicator& comm = {});
  /// \collective For reading. Throws InputError on every rank where the file is missing, damaged or
  /// not HDF5.
  static File open(const std::filesystem::path& path, const comm::Communicator& comm = {});
  /// \collective For reading and writing.
  static File open_writable(const std::filesystem::path& path, const comm::Communicator& comm = {});

  File(File&&) = default;
  File& operator=(File&&) = delete;
  /// Closes, except while an exception is under way in a parallel file (the other ranks may not
  /// come); MPI_Finalize closes it then.
  ~File();

  /// \collective Writes everything out. Throws IoError where that fails or a dataset is still open.
  void close();
  /// \collective
  void flush();

  /// \collective A dimension without coordinate values.
  void dimension(const std::string& name, hsize_t length);
  /// \collective A dimension with a coordinate value for each index (the root's values count).
  template <Element T>
  Dataset dimension(const std::string& name, const std::vector<T>& values) {
    Dataset scale = new_scale(name, values.size(), native_type<T>());
    scale.write(values);
    return scale;
  }
  Dataset dimension(const std::string& name, const std::vector<std::string>& texts);

  /// \collective A variable over existing dimensions.
  template <Element T>
  Dataset create(const std::string& name, const std::vector<std::string>& dimensions,
                 const Storage& storage = {}) {
    return new_variable(name, dimensions, native_type<T>(), storage);
  }
  /// \collective A variable of texts of up to `width` bytes.
  Dataset create_texts(const std::string& name, const std::vector<std::string>& dimensions,
                       std::size_t width);
  /// A variable over existing dimensions whose rows stay in other files, with type and fill value
  /// of `like`, one of theirs. A source with shorter axes fills the beginning of each row; what no
  /// source has, as where one is gone, readers silently see as the fill value. For a file that this
  /// rank has for itself.
  Dataset create_virtual(const std::string& name, const std::vector<std::string>& dimensions,
                         const Dataset& like, std::span<const RowSource> sources);
  /// \collective A dataset with sizes of its own, no dimensions. "a/b" makes group a where needed.
  template <Element T>
  Dataset array(const std::string& name, const Extents& shape, const Storage& storage = {}) {
    return new_dataset(name, shape, native_type<T>(), storage);
  }

  bool has(const std::string& name) const;
  /// Throws InputError where it is missing, damaged or a group.
  Dataset dataset(const std::string& name) const;
  /// Names of all that is in a group, in order of creation where the file recorded it.
  std::vector<std::string> names(const std::string& group = "/") const;
  /// Those of datasets.
  std::vector<std::string> datasets(const std::string& group = "/") const;
  /// Names of the dimensions of a variable, empty for an axis without.
  std::vector<std::string> dimensions_of(const std::string& name) const;

 private:
  File(Handle root, Handle file, const std::filesystem::path& path, bool parallel, bool is_root);
  static File open_with(const std::filesystem::path& path, unsigned flags,
                        const comm::Communicator& comm);
  static File from(Handle file, const std::filesystem::path& path, const comm::Communicator& comm);

  std::string place(const std::string& name) const;
  Dataset wrap(Handle dataset, const std::string& name) const;
  Dataset new_dataset(const std::string& name, const Extents& shape, hid_t type,
                      const Storage& storage);
  Dataset new_scale(const std::string& name, hsize_t length, hid_t type);
  Extents shape_of(const std::vector<std::string>& dimensions) const;
  void attach(const Dataset& variable, const std::vector<std::string>& dimensions);
  Dataset new_variable(const std::string& name, const std::vector<std::string>& dimensions,
                       hid_t type, const Storage& storage);

  Handle file_;
  bool parallel_;
  bool is_root_;
};

}  // namespace eebench::h5
