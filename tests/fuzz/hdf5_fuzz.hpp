#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include <fuzzer/FuzzedDataProvider.h>
#include <hdf5.h>

#include "eebench/h5/check.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace eebench::test {

/// An HDF5 file made by the library itself of what the bytes say: each of the names is there or
/// not, as a number or text of any kind, of any shape, also one far larger than the file. Damage
/// inside the format is not tried: HDF5 1.10 does not survive it.
class HostileHdf5 {
 public:
  HostileHdf5(FuzzedDataProvider& bytes, const std::filesystem::path& path)
      : bytes_(bytes), file_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }

  void attribute(const char* name) {
    if (const h5::Handle type = any_type(); type.get() >= 0) {
      const h5::Handle space = any_space(4);
      const h5::Handle made(
          H5Acreate2(file_.get(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
      fill(type.get(), space.get(),
           [&](const void* data) { H5Awrite(made.get(), type.get(), data); });
    }
  }

  void dataset(const char* name) {
    const h5::Handle links(H5Pcreate(H5P_LINK_CREATE));
    H5Pset_create_intermediate_group(links.get(), 1);
    const h5::Handle type = any_type();
    if (type.get() < 0) {
      if (bytes_.ConsumeBool()) {
        const h5::Handle group(
            H5Gcreate2(file_.get(), name, links.get(), H5P_DEFAULT, H5P_DEFAULT));
      }
      return;
    }
    const bool huge = bytes_.ConsumeBool();
    const h5::Handle space =
        any_space(huge ? hsize_t{1} << bytes_.ConsumeIntegralInRange(3, 50) : 8);
    const h5::Handle creation(H5Pcreate(H5P_DATASET_CREATE));
    const int axes = H5Sget_simple_extent_ndims(space.get());
    if (axes > 0 && (huge || bytes_.ConsumeBool())) {
      const std::array<hsize_t, 3> chunk{2, 2, 2};
      H5Pset_chunk(creation.get(), axes, chunk.data());
      if (bytes_.ConsumeBool()) {
        H5Pset_deflate(creation.get(), 1);
      }
    }
    const h5::Handle made(H5Dcreate2(file_.get(), name, type.get(), space.get(), links.get(),
                                     creation.get(), H5P_DEFAULT));
    if (!huge) {
      fill(type.get(), space.get(), [&](const void* data) {
        H5Dwrite(made.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
      });
    }
  }

 private:
  /// None for one in nine.
  h5::Handle any_type() {
    const std::array numbers{H5T_NATIVE_INT8,   H5T_NATIVE_INT64,  H5T_STD_I64BE,
                             H5T_NATIVE_FLOAT,  H5T_NATIVE_DOUBLE, H5T_NATIVE_UINT64,
                             H5T_NATIVE_OPAQUE, H5T_NATIVE_INT64};
    const auto kind = bytes_.ConsumeIntegralInRange<std::size_t>(0, numbers.size() + 2);
    if (kind < numbers.size()) {
      return h5::Handle(H5Tcopy(numbers[kind]));
    }
    if (kind == numbers.size() + 2) {
      return {};
    }
    h5::Handle text(H5Tcopy(H5T_C_S1));
    H5Tset_size(text.get(),
                kind == numbers.size() ? H5T_VARIABLE : bytes_.ConsumeIntegralInRange(1, 80));
    return text;
  }

  h5::Handle any_space(hsize_t longest) {
    std::array<hsize_t, 3> shape{};
    const int axes = bytes_.ConsumeIntegralInRange(0, 3);
    for (hsize_t& extent : shape) {
      extent = bytes_.ConsumeIntegralInRange<hsize_t>(0, longest);
    }
    return h5::Handle(axes == 0 ? H5Screate(H5S_SCALAR)
                                : H5Screate_simple(axes, shape.data(), nullptr));
  }

  template <class Write>
  void fill(hid_t type, hid_t space, const Write& write) {
    const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
    if (H5Tis_variable_str(type) > 0) {
      const std::string text = bytes_.ConsumeRandomLengthString(40);
      const std::vector<const char*> texts(count + 1,
                                           bytes_.ConsumeBool() ? text.c_str() : nullptr);
      write(texts.data());
      return;
    }
    std::vector<std::uint8_t> data = bytes_.ConsumeBytes<std::uint8_t>(count * H5Tget_size(type));
    data.resize(count * H5Tget_size(type) + 1);
    write(data.data());
  }

  FuzzedDataProvider& bytes_;
  h5::Handle file_;
};

/// As fuzz(), with a file that has such names; "weights/a" lies in a group.
template <class Read>
int fuzz_hdf5(const std::uint8_t* data, std::size_t size, std::span<const char* const> attributes,
              std::span<const char* const> datasets, const Read& read) {
  FuzzedDataProvider bytes(data, size);
  return fuzz(
      [&](const std::filesystem::path& path) {
        HostileHdf5 file(bytes, path);
        for (const char* name : attributes) {
          file.attribute(name);
        }
        for (const char* name : datasets) {
          file.dataset(name);
        }
      },
      read);
}

}  // namespace eebench::test
