#pragma once

#include <utility>

#include <hdf5.h>

namespace eebench::h5 {

/// Owns one reference to an HDF5 identifier of any kind.
class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }

  hid_t get() const { return id_; }
  /// Gives up ownership without closing.
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  void reset() {
    if (id_ >= 0) {
      H5Idec_ref(id_);
    }
  }
  hid_t id_ = H5I_INVALID_HID;
};

}  // namespace eebench::h5
