#include "eebench/h5/file.hpp"

#include <exception>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5_hl.h>

#include "eebench/core/error.hpp"
#include "eebench/h5/check.hpp"
#include "eebench/h5/properties.hpp"
#include "eebench/h5/strings.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::h5 {
namespace {

// The library otherwise prints its error stack itself, on every rank.
void keep_quiet() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

void check_readable(const std::filesystem::path& path) {
  sys::check_is_file(path);
  if (H5Fis_hdf5(path.c_str()) <= 0) {
    throw InputError(
        fmt::format("{}: not an HDF5 file, or its beginning is lost; copy it again or convert it",
                    path.string()));
  }
}

}  // namespace

File::File(Handle root, Handle file, const std::filesystem::path& path, bool parallel, bool is_root)
    : Object(std::move(root), path.string()),
      file_(std::move(file)),
      parallel_(parallel),
      is_root_(is_root) {}

File File::from(Handle file, const std::filesystem::path& path, const comm::Communicator& comm) {
  Handle root = check_read_id(H5Gopen2(file.get(), "/", H5P_DEFAULT), path.string());
  return File(std::move(root), std::move(file), path, comm.size() > 1, comm.is_root());
}

File File::create(const std::filesystem::path& path, const comm::Communicator& comm) {
  keep_quiet();
  const std::string where = path.string();
  comm.agree([&] {
    const auto folder = std::filesystem::absolute(path).parent_path();
    if (!std::filesystem::is_directory(folder)) {
      throw IoError(fmt::format("{}: the directory {} does not exist", where, folder.string()));
    }
  });
  Handle file;
  comm.agree([&] {
    const Handle access = file_access(comm, where);
    const Handle creation = file_creation(where);
    file = check_id(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), where,
                    "create the file");
  });
  return from(std::move(file), path, comm);
}

File File::open_with(const std::filesystem::path& path, unsigned flags,
                     const comm::Communicator& comm) {
  keep_quiet();
  comm.agree([&] { check_readable(path); });
  Handle file;
  comm.agree([&] {
    const Handle access = file_access(comm, path.string());
    file = Handle(H5Fopen(path.c_str(), flags, access.get()));
    if (file.get() < 0) {
      throw InputError(
          fmt::format("{}: cannot be opened as HDF5, it may be cut off, in use or not permitted; "
                      "copy or make it "
                      "again ({})",
                      path.string(), error_text()));
    }
  });
  return from(std::move(file), path, comm);
}

File File::open(const std::filesystem::path& path, const comm::Communicator& comm) {
  return open_with(path, H5F_ACC_RDONLY, comm);
}

File File::open_writable(const std::filesystem::path& path, const comm::Communicator& comm) {
  return open_with(path, H5F_ACC_RDWR, comm);
}

File::~File() {
  if (parallel_ && std::uncaught_exceptions() > 0) {
    handle().release();
    file_.release();
  }
}

void File::close() {
  constexpr unsigned objects = H5F_OBJ_DATASET | H5F_OBJ_ATTR | H5F_OBJ_LOCAL;
  if (H5Fget_obj_count(file_.get(), objects) > 0) {
    throw Error(ExitCode::internal, where() + ": closed while a dataset is still open");
  }
  handle() = Handle();
  check(H5Fclose(file_.release()), where(), "close the file");
}

void File::flush() { check(H5Fflush(file_.get(), H5F_SCOPE_GLOBAL), where(), "flush"); }

std::string File::place(const std::string& name) const {
  return fmt::format("{}: dataset '{}'", where(), name);
}

Dataset File::wrap(Handle dataset, const std::string& name) const {
  return Dataset(std::move(dataset), place(name), parallel_, is_root_);
}

Dataset File::new_dataset(const std::string& name, const Extents& shape, hid_t type,
                          const Storage& storage) {
  const std::string where = place(name);
  const Handle space = check_id(
      shape.empty() ? H5Screate(H5S_SCALAR)
                    : H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
      where, "describe");
  const Handle creation = dataset_creation(type, shape, storage, where);
  const Handle link = check_id(H5Pcreate(H5P_LINK_CREATE), where, "create");
  check(H5Pset_create_intermediate_group(link.get(), 1), where, "create");
  return wrap(check_id(H5Dcreate2(file_.get(), name.c_str(), type, space.get(), link.get(),
                                  creation.get(), H5P_DEFAULT),
                       where, "create"),
              name);
}

Dataset File::new_scale(const std::string& name, hsize_t length, hid_t type) {
  Dataset scale = new_dataset(name, {length}, type, {});
  check(H5DSset_scale(scale.id(), name.c_str()), scale.where(), "make it a dimension");
  return scale;
}

void File::dimension(const std::string& name, hsize_t length) {
  const Dataset scale = new_dataset(name, {length}, H5T_NATIVE_INT8, {});
  // The netCDF-4 mark of a dimension without values.
  const std::string mark =
      fmt::format("This is a netCDF dimension but not a netCDF variable.{:10}", length);
  check(H5DSset_scale(scale.id(), mark.c_str()), scale.where(), "make it a dimension");
}

Dataset File::dimension(const std::string& name, const std::vector<std::string>& texts) {
  const Handle type = fixed_string_type(width_of(texts));
  Dataset scale = new_scale(name, texts.size(), type.get());
  scale.write(texts);
  return scale;
}

Extents File::shape_of(const std::vector<std::string>& dimensions) const {
  Extents shape;
  for (const std::string& dimension : dimensions) {
    shape.push_back(dataset(dimension).length());
  }
  return shape;
}

void File::attach(const Dataset& variable, const std::vector<std::string>& dimensions) {
  for (unsigned axis = 0; axis < dimensions.size(); ++axis) {
    check(H5DSattach_scale(variable.id(), dataset(dimensions[axis]).id(), axis), variable.where(),
          "attach a dimension");
  }
}

Dataset File::new_variable(const std::string& name, const std::vector<std::string>& dimensions,
                           hid_t type, const Storage& storage) {
  Dataset variable = new_dataset(name, shape_of(dimensions), type, storage);
  attach(variable, dimensions);
  return variable;
}

Dataset File::create_virtual(const std::string& name, const std::vector<std::string>& dimensions,
                             const Dataset& like, std::span<const RowSource> sources) {
  const std::string where = place(name);
  const Extents shape = shape_of(dimensions);
  const int axes = static_cast<int>(shape.size());
  const Handle type = check_id(H5Dget_type(like.id()), where, "describe");
  const Handle creation = check_id(H5Dget_create_plist(like.id()), where, "describe");
  check(H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_DEFAULT), where, "describe");
  check(H5Premove_filter(creation.get(), H5Z_FILTER_ALL), where, "describe");  // of packed sources
  const Handle space = check_id(H5Screate_simple(axes, shape.data(), nullptr), where, "describe");
  for (const RowSource& source : sources) {
    Extents extent = source.axes;
    extent.insert(extent.begin(), source.rows.size());
    const Handle there =
        check_id(H5Screate_simple(axes, extent.data(), nullptr), where, "describe");
    check(H5Sselect_none(space.get()), where, "select");
    Extents start(shape.size(), 0);
    extent[0] = 1;
    for (const hsize_t row : source.rows) {
      start[0] = row;
      check(H5Sselect_hyperslab(space.get(), H5S_SELECT_OR, start.data(), nullptr, extent.data(),
                                nullptr),
            where, "select");
    }
    check(
        H5Pset_virtual(creation.get(), space.get(), source.file.c_str(), name.c_str(), there.get()),
        where, "refer to another file");
  }
  Dataset variable = wrap(check_id(H5Dcreate2(file_.get(), name.c_str(), type.get(), space.get(),
                                              H5P_DEFAULT, creation.get(), H5P_DEFAULT),
                                   where, "create"),
                          name);
  attach(variable, dimensions);
  return variable;
}

Dataset File::create_texts(const std::string& name, const std::vector<std::string>& dimensions,
                           std::size_t width) {
  return new_variable(name, dimensions, fixed_string_type(width).get(), {});
}

bool File::has(const std::string& name) const {
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos;
       slash = name.find('/', slash + 1)) {
    if (H5Lexists(file_.get(), name.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) {
      return false;
    }
  }
  return H5Lexists(file_.get(), name.c_str(), H5P_DEFAULT) > 0;
}

Dataset File::dataset(const std::string& name) const {
  if (!has(name)) {
    throw InputError(fmt::format("{}: dataset '{}' is missing; the file has {}; make it again",
                                 where(), name, fmt::join(datasets(), ", ")));
  }
  Handle object(H5Oopen(file_.get(), name.c_str(), H5P_DEFAULT));
  check_read(object.get() < 0 ? -1 : 0, place(name));
  if (H5Iget_type(object.get()) != H5I_DATASET) {
    throw InputError(
        fmt::format("{}: '{}' is a group where a dataset is expected; make the file "
                    "again",
                    where(), name));
  }
  return wrap(std::move(object), name);
}

std::vector<std::string> File::names(const std::string& group) const {
  const std::string place = fmt::format("{}: group '{}'", where(), group);
  const Handle opened = check_read_id(H5Gopen2(file_.get(), group.c_str(), H5P_DEFAULT), place);
  const Handle creation = check_read_id(H5Gget_create_plist(opened.get()), place);
  unsigned order = 0;
  check_read(H5Pget_link_creation_order(creation.get(), &order), place);
  std::vector<std::string> names;
  const auto append = [](hid_t, const char* name, const H5L_info_t*, void* data) -> herr_t {
    static_cast<std::vector<std::string>*>(data)->emplace_back(name);
    return 0;
  };
  check_read(H5Literate(opened.get(),
                        (order & H5P_CRT_ORDER_INDEXED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME,
                        H5_ITER_INC, nullptr, append, &names),
             place);
  return names;
}

std::vector<std::string> File::datasets(const std::string& group) const {
  std::vector<std::string> found = names(group);
  std::erase_if(found, [&](const std::string& name) {
    H5O_info_t info;
    return H5Oget_info_by_name2(file_.get(), (group + "/" + name).c_str(), &info, H5O_INFO_BASIC,
                                H5P_DEFAULT) < 0 ||
           info.type != H5O_TYPE_DATASET;
  });
  return found;
}

std::vector<std::string> File::dimensions_of(const std::string& name) const {
  const Dataset variable = dataset(name);
  std::vector<std::string> names;
  const auto remember = [](hid_t, unsigned, hid_t scale, void* data) -> herr_t {
    std::string path(static_cast<std::size_t>(H5Iget_name(scale, nullptr, 0)) + 1, '\0');
    H5Iget_name(scale, path.data(), path.size());
    path.pop_back();
    *static_cast<std::string*>(data) = path.substr(path.rfind('/') + 1);
    return 1;  // the first scale names the axis
  };
  for (unsigned axis = 0; axis < variable.shape().size(); ++axis) {
    std::string dimension;
    check(H5DSiterate_scales(variable.id(), axis, nullptr, remember, &dimension), variable.where(),
          "list the dimensions");
    names.push_back(std::move(dimension));
  }
  return names;
}

}  // namespace eebench::h5
