#include "eebench/h5/dataset.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"
#include "eebench/h5/check.hpp"
#include "eebench/h5/strings.hpp"

namespace eebench::h5 {
namespace {

struct Selection {
  Handle file;
  Handle memory;
};

Selection select_nothing(hid_t dataset, const std::string& where) {
  // Not a null space: with it a collective write of HDF5 1.10 touches the first element.
  const hsize_t one = 1;
  Selection selection{check_id(H5Dget_space(dataset), where, "describe"),
                      check_id(H5Screate_simple(1, &one, nullptr), where, "describe")};
  check(H5Sselect_none(selection.file.get()), where, "select");
  check(H5Sselect_none(selection.memory.get()), where, "select");
  return selection;
}

// The block in the file and as many elements side by side in memory.
Selection select(hid_t dataset, const Extents& start, const Extents& count,
                 const std::string& where) {
  const hsize_t elements = product(count);
  if (elements == 0) {
    return select_nothing(dataset, where);
  }
  Selection selection{check_id(H5Dget_space(dataset), where, "describe"),
                      check_id(H5Screate_simple(1, &elements, nullptr), where, "describe")};
  if (!start.empty()) {
    check(H5Sselect_hyperslab(selection.file.get(), H5S_SELECT_SET, start.data(), nullptr,
                              count.data(), nullptr),
          where, "select");
  }
  return selection;
}

void check_block(const Extents& shape, const Extents& start, const Extents& count,
                 const std::string& where) {
  bool fits = start.size() == shape.size() && count.size() == shape.size();
  for (std::size_t axis = 0; fits && axis < shape.size(); ++axis) {
    fits = start[axis] <= shape[axis] && count[axis] <= shape[axis] - start[axis];
  }
  if (!fits) {
    throw InputError(fmt::format(
        "{}: no block at [{}] of size [{}] in an array of shape [{}]; make the file again", where,
        fmt::join(start, ", "), fmt::join(count, ", "), fmt::join(shape, ", ")));
  }
}

void check_block(const Extents& shape, const Extents& start, const Extents& count, std::size_t size,
                 const std::string& where) {
  check_block(shape, start, count, where);
  if (product(count) != size) {
    throw Error(ExitCode::internal,
                fmt::format("{}: {} values for a block of {}", where, size, product(count)));
  }
}

}  // namespace

Dataset::Dataset(Handle dataset, std::string name, bool parallel, bool root)
    : Object(std::move(dataset), std::move(name)),
      transfer_(check_id(H5Pcreate(H5P_DATASET_XFER), where(), "prepare a transfer")),
      root_(root) {
  const Handle space = check_id(H5Dget_space(id()), where(), "describe");
  const int axes = H5Sget_simple_extent_ndims(space.get());
  shape_.resize(static_cast<std::size_t>(std::max(axes, 0)));
  H5Sget_simple_extent_dims(space.get(), shape_.data(), nullptr);
  if (parallel) {
    check(H5Pset_dxpl_mpio(transfer_.get(), H5FD_MPIO_COLLECTIVE), where(), "go parallel");
  }
}

hsize_t Dataset::length() const {
  if (shape_.size() != 1) {
    throw InputError(fmt::format("{}: has {} axes where one is expected; make the file again",
                                 where(), shape_.size()));
  }
  return shape_.front();
}

bool Dataset::is_text() const {
  const Handle type = check_id(H5Dget_type(id()), where(), "describe");
  return H5Tget_class(type.get()) == H5T_STRING;
}

bool Dataset::stores(hid_t type) const {
  const Handle stored = check_id(H5Dget_type(id()), where(), "describe");
  return H5Tequal(stored.get(), type) > 0;
}

std::size_t Dataset::size_of_block(std::size_t width, const Extents& start,
                                   const Extents& count) const {
  check_block(shape_, start, count, where());
  return checked_size(id(), count, width, where());
}

void Dataset::write_block(hid_t type, const void* data, std::size_t size, const Extents& start,
                          const Extents& count) {
  check_block(shape_, start, count, size, where());
  if (!stores(type)) {
    throw Error(ExitCode::internal, where() + ": written with another type than it was made with");
  }
  const Selection block = select(id(), start, count, where());
  check(H5Dwrite(id(), type, block.memory.get(), block.file.get(), transfer_.get(), data), where(),
        "write");
}

void Dataset::write_all(hid_t type, const void* data, std::size_t size) {
  if (root_) {
    write_block(type, data, size, Extents(shape_.size(), 0), shape_);
    return;
  }
  const Selection nothing = select_nothing(id(), where());
  check(H5Dwrite(id(), type, nothing.memory.get(), nothing.file.get(), transfer_.get(), data),
        where(), "write");
}

void Dataset::write(const std::vector<std::string>& texts) {
  const Handle type = check_id(H5Dget_type(id()), where(), "describe");
  const std::size_t width = H5Tget_size(type.get());
  if (width_of(texts) > width) {
    throw Error(ExitCode::internal,
                fmt::format("{}: a text is longer than {} bytes", where(), width));
  }
  write_all(type.get(), pack(texts, width).data(), texts.size());
}

void Dataset::read_block(hid_t type, void* data, std::size_t size, const Extents& start,
                         const Extents& count) const {
  check_block(shape_, start, count, size, where());
  const Handle stored = check_id(H5Dget_type(id()), where(), "describe");
  if (const H5T_class_t kind = H5Tget_class(stored.get());
      kind != H5T_INTEGER && kind != H5T_FLOAT && kind != H5T_ENUM) {
    throw InputError(fmt::format("{}: holds {} where numbers are expected; make the file again",
                                 where(), kind == H5T_STRING ? "text" : "no plain numbers"));
  }
  const Selection block = select(id(), start, count, where());
  check_read(H5Dread(id(), type, block.memory.get(), block.file.get(), transfer_.get(), data),
             where());
}

bool Dataset::was_collective() const {
  H5D_mpio_actual_io_mode_t mode = H5D_MPIO_NO_COLLECTIVE;
  check(H5Pget_mpio_actual_io_mode(transfer_.get(), &mode), where(), "describe a transfer");
  return mode != H5D_MPIO_NO_COLLECTIVE;
}

std::vector<std::string> Dataset::read_texts() const {
  const Handle type = check_id(H5Dget_type(id()), where(), "describe");
  const Handle space = check_id(H5Dget_space(id()), where(), "describe");
  return read_strings(id(), type.get(), space.get(), where(), [&](hid_t memory_type, void* buffer) {
    return H5Dread(id(), memory_type, H5S_ALL, H5S_ALL, transfer_.get(), buffer);
  });
}

}  // namespace eebench::h5
