#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eebench/h5/handle.hpp"
#include "eebench/h5/types.hpp"

namespace eebench::h5 {

/// What can carry attributes: a dataset, or a file through its root group.
/// Names in an error message come from `where`: "run.h5: dataset 'accuracy'".
class Object {
 public:
  const std::string& where() const { return where_; }

  /// \collective Creates or replaces; every rank gives the same value.
  void set_attribute(const std::string& name, const std::string& value);
  void set_attribute(const std::string& name, const std::vector<std::string>& values);
  template <Element T>
  void set_attribute(const std::string& name, T value) {
    write_attribute(name, nullptr, native_type<T>(), &value);
  }
  template <Element T>
  void set_attribute(const std::string& name, const std::vector<T>& values) {
    const hsize_t count = values.size();
    write_attribute(name, &count, native_type<T>(), values.data());
  }

  bool has_attribute(const std::string& name) const;
  std::vector<std::string> attribute_names() const;
  /// T: std::string, a number, or a vector of either. Throws InputError where it is missing, of
  /// another kind, or not a single value though one is asked for.
  template <class T>
  T attribute(const std::string& name) const;

  /// Creates or replaces the attribute with that of another object, whatever it holds.
  void copy_attribute(const Object& from, const std::string& name);
  /// Whether both have it, of the same type, shape and value.
  bool same_attribute(const Object& other, const std::string& name) const;

 protected:
  Object(Handle id, std::string where) : id_(std::move(id)), where_(std::move(where)) {}
  hid_t id() const { return id_.get(); }
  Handle& handle() { return id_; }

 private:
  /// An attribute as it lies in the file.
  struct Raw {
    Handle type;
    Handle space;
    std::vector<char> bytes;
  };
  Raw read_raw(const std::string& name) const;
  void write_attribute(const std::string& name, hid_t space, hid_t type, const void* data);
  void write_attribute(const std::string& name, const hsize_t* count, hid_t type, const void* data);
  Handle open_attribute(const std::string& name) const;

  Handle id_;
  std::string where_;
};

}  // namespace eebench::h5
