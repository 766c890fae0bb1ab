#include "eebench/h5/properties.hpp"

#include <algorithm>
#include <limits>

#include "eebench/h5/check.hpp"

namespace eebench::h5 {

Handle file_access(const comm::Communicator& comm, std::string_view where) {
  Handle access = check_id(H5Pcreate(H5P_FILE_ACCESS), where, "prepare the file");
  check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_V110), where,
        "set the format");
  if (comm.size() > 1) {
    const MPI_Comm& mpi = *static_cast<const MPI_Comm*>(comm.native());
    check(H5Pset_fapl_mpio(access.get(), mpi, MPI_INFO_NULL), where, "go parallel");
    check(H5Pset_coll_metadata_write(access.get(), true), where, "go parallel");
  }
  return access;
}

Handle file_creation(std::string_view where) {
  Handle creation = check_id(H5Pcreate(H5P_FILE_CREATE), where, "prepare the file");
  constexpr unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  check(H5Pset_link_creation_order(creation.get(), order), where, "keep the order");
  check(H5Pset_attr_creation_order(creation.get(), order), where, "keep the order");
  return creation;
}

Handle dataset_creation(hid_t type, const Extents& shape, const Storage& storage,
                        std::string_view where) {
  Handle creation = check_id(H5Pcreate(H5P_DATASET_CREATE), where, "prepare a dataset");
  const hid_t list = creation.get();
  check(H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), where,
        "keep the order");
  const bool chunked = !storage.chunk.empty() && product(shape) > 0;
  if (chunked) {
    Extents chunk = storage.chunk;  // no larger than the array
    for (std::size_t axis = 0; axis < std::min(chunk.size(), shape.size()); ++axis) {
      chunk[axis] = std::min(chunk[axis], shape[axis]);
    }
    check(H5Pset_chunk(list, static_cast<int>(chunk.size()), chunk.data()), where,
          "set the chunks");
  }
  if (chunked && storage.deflate > 0) {
    check(H5Pset_shuffle(list), where, "set the compression");
    check(H5Pset_deflate(list, static_cast<unsigned>(storage.deflate)), where,
          "set the compression");
  } else {
    check(H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY), where, "reserve space");
  }
  check(H5Pset_fill_time(list, H5D_FILL_TIME_ALLOC), where, "set the fill value");
  const H5T_class_t kind = H5Tget_class(type);
  if (storage.fill || kind == H5T_FLOAT) {
    const double fill = storage.fill.value_or(std::numeric_limits<double>::quiet_NaN());
    check(H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &fill), where, "set the fill value");
  }
  return creation;
}

}  // namespace eebench::h5
