#pragma once

#include <span>
#include <string>
#include <vector>

#include "eebench/h5/object.hpp"

namespace eebench::h5 {

/// An array of a file. In a file that was opened with a communicator every transfer is collective:
/// all ranks call, a rank without data gives a block with a zero in `count`. In a file that this
/// rank opened alone transfers are its own affair.
class Dataset : public Object {
 public:
  const Extents& shape() const { return shape_; }
  /// Size along the only axis. Throws InputError where there are several.
  hsize_t length() const;
  bool is_text() const;
  template <Element T>
  bool holds() const {
    return stores(native_type<T>());
  }

  /// \collective in a parallel file. Writes the block that begins at `start` and extends `count`.
  template <Element T>
  void write(std::span<const T> values, const Extents& start, const Extents& count) {
    write_block(native_type<T>(), values.data(), values.size(), start, count);
  }
  template <Element T>
  void write(const std::vector<T>& values, const Extents& start, const Extents& count) {
    write(std::span<const T>(values), start, count);
  }
  /// \collective in a parallel file. All of it; in a parallel file the root's values count.
  template <Element T>
  void write(const std::vector<T>& values) {
    write_all(native_type<T>(), values.data(), values.size());
  }
  void write(const std::vector<std::string>& texts);

  /// \collective in a parallel file. Numbers of another type are converted. Throws InputError for a
  /// block that does not fit or text instead of numbers.
  template <Element T>
  void read(std::span<T> values, const Extents& start, const Extents& count) const {
    read_block(native_type<T>(), values.data(), values.size(), start, count);
  }
  template <Element T>
  std::vector<T> read(const Extents& start, const Extents& count) const {
    std::vector<T> values(size_of_block(sizeof(T), start, count));
    read(std::span<T>(values), start, count);
    return values;
  }
  template <Element T>
  std::vector<T> read() const {
    return read<T>(Extents(shape_.size(), 0), shape_);
  }
  std::vector<std::string> read_texts() const;

  /// Whether the last transfer through this object was one collective operation of MPI-IO. HDF5
  /// falls back to independent transfers without a word where something is in the way.
  bool was_collective() const;

 private:
  friend class File;
  Dataset(Handle id, std::string where, bool parallel, bool root);

  bool stores(hid_t type) const;
  /// Values in it, each of `width` bytes. Throws InputError where there is no such block, or the
  /// file is too small for it.
  std::size_t size_of_block(std::size_t width, const Extents& start, const Extents& count) const;
  void write_block(hid_t type, const void* data, std::size_t size, const Extents& start,
                   const Extents& count);
  void write_all(hid_t type, const void* data, std::size_t size);
  void read_block(hid_t type, void* data, std::size_t size, const Extents& start,
                  const Extents& count) const;

  Extents shape_;
  Handle transfer_;  ///< property list: collective or not
  bool root_;
};

}  // namespace eebench::h5
