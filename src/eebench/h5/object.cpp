#include "eebench/h5/object.hpp"

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/h5/check.hpp"
#include "eebench/h5/strings.hpp"

namespace eebench::h5 {
namespace {

herr_t append_name(hid_t, const char* name, const H5A_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

std::vector<std::string> read_texts(hid_t attribute, const std::string& where) {
  const Handle type = check_read_id(H5Aget_type(attribute), where);
  const Handle space = check_read_id(H5Aget_space(attribute), where);
  return read_strings(
      attribute, type.get(), space.get(), where,
      [&](hid_t memory_type, void* buffer) { return H5Aread(attribute, memory_type, buffer); });
}

template <Element T>
std::vector<T> read_numbers(hid_t attribute, const std::string& where) {
  const Handle type = check_read_id(H5Aget_type(attribute), where);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_INTEGER && kind != H5T_FLOAT) {
    throw InputError(where + ": holds no numbers where numbers are expected; make the file again");
  }
  const Handle space = check_read_id(H5Aget_space(attribute), where);
  std::vector<T> values(checked_size(attribute, space.get(), sizeof(T), where));
  if (!values.empty()) {
    check_read(H5Aread(attribute, native_type<T>(), values.data()), where);
  }
  return values;
}

template <class T>
T only(std::vector<T> values, const std::string& where) {
  if (values.size() != 1) {
    throw InputError(fmt::format("{}: holds {} values where one is expected; make the file again",
                                 where, values.size()));
  }
  return std::move(values.front());
}

template <class T>
struct Reader {
  static T read(hid_t attribute, const std::string& where) {
    return only(read_numbers<T>(attribute, where), where);
  }
};

template <class T>
struct Reader<std::vector<T>> {
  static std::vector<T> read(hid_t attribute, const std::string& where) {
    return read_numbers<T>(attribute, where);
  }
};

template <>
struct Reader<std::vector<std::string>> {
  static std::vector<std::string> read(hid_t attribute, const std::string& where) {
    return read_texts(attribute, where);
  }
};

template <>
struct Reader<std::string> {
  static std::string read(hid_t attribute, const std::string& where) {
    return only(read_texts(attribute, where), where);
  }
};

}  // namespace

void Object::set_attribute(const std::string& name, const std::string& value) {
  const std::size_t width = width_of({&value, 1});
  const Handle type = fixed_string_type(width);
  write_attribute(name, nullptr, type.get(), pack({&value, 1}, width).data());
}

void Object::set_attribute(const std::string& name, const std::vector<std::string>& values) {
  const std::size_t width = width_of(values);
  const Handle type = fixed_string_type(width);
  const hsize_t count = values.size();
  write_attribute(name, &count, type.get(), pack(values, width).data());
}

void Object::write_attribute(const std::string& name, hid_t space, hid_t type, const void* data) {
  const std::string place = fmt::format("{}: attribute '{}'", where_, name);
  if (has_attribute(name)) {
    check(H5Adelete(id(), name.c_str()), place, "replace");
  }
  const Handle attribute = check_id(
      H5Acreate2(id(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), place, "create");
  if (H5Sget_simple_extent_npoints(space) > 0) {
    check(H5Awrite(attribute.get(), type, data), place, "write");
  }
}

void Object::write_attribute(const std::string& name, const hsize_t* count, hid_t type,
                             const void* data) {
  const Handle space =
      check_id(count == nullptr ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, count, nullptr),
               where_, "create an attribute");
  write_attribute(name, space.get(), type, data);
}

Object::Raw Object::read_raw(const std::string& name) const {
  const Handle attribute = open_attribute(name);
  Raw raw{check_id(H5Aget_type(attribute.get()), where_, "read an attribute"),
          check_id(H5Aget_space(attribute.get()), where_, "read an attribute"),
          {}};
  const std::string place = fmt::format("{}: attribute '{}'", where_, name);
  const std::size_t width = H5Tget_size(raw.type.get());
  raw.bytes.resize(checked_size(attribute.get(), raw.space.get(), width, place) * width);
  check_read(H5Aread(attribute.get(), raw.type.get(), raw.bytes.data()), place);
  return raw;
}

void Object::copy_attribute(const Object& from, const std::string& name) {
  const Raw raw = from.read_raw(name);
  write_attribute(name, raw.space.get(), raw.type.get(), raw.bytes.data());
}

bool Object::same_attribute(const Object& other, const std::string& name) const {
  if (!has_attribute(name) || !other.has_attribute(name)) {
    return false;
  }
  const Raw ours = read_raw(name);
  const Raw theirs = other.read_raw(name);
  return H5Tequal(ours.type.get(), theirs.type.get()) > 0 &&
         H5Sextent_equal(ours.space.get(), theirs.space.get()) > 0 && ours.bytes == theirs.bytes;
}

bool Object::has_attribute(const std::string& name) const {
  return H5Aexists(id(), name.c_str()) > 0;
}

std::vector<std::string> Object::attribute_names() const {
  std::vector<std::string> names;
  check_read(H5Aiterate2(id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, append_name, &names), where_);
  return names;
}

Handle Object::open_attribute(const std::string& name) const {
  if (!has_attribute(name)) {
    throw InputError(
        fmt::format("{}: attribute '{}' is missing; make the file again", where_, name));
  }
  return check_read_id(H5Aopen(id(), name.c_str(), H5P_DEFAULT),
                       fmt::format("{}: attribute '{}'", where_, name));
}

template <class T>
T Object::attribute(const std::string& name) const {
  const Handle attribute = open_attribute(name);
  return Reader<T>::read(attribute.get(), fmt::format("{}: attribute '{}'", where_, name));
}

template std::string Object::attribute(const std::string&) const;
template std::vector<std::string> Object::attribute(const std::string&) const;
template double Object::attribute(const std::string&) const;
template float Object::attribute(const std::string&) const;
template std::int8_t Object::attribute(const std::string&) const;
template std::uint8_t Object::attribute(const std::string&) const;
template std::int32_t Object::attribute(const std::string&) const;
template std::int64_t Object::attribute(const std::string&) const;
template std::vector<double> Object::attribute(const std::string&) const;
template std::vector<float> Object::attribute(const std::string&) const;
template std::vector<std::int8_t> Object::attribute(const std::string&) const;
template std::vector<std::uint8_t> Object::attribute(const std::string&) const;
template std::vector<std::int32_t> Object::attribute(const std::string&) const;
template std::vector<std::int64_t> Object::attribute(const std::string&) const;

}  // namespace eebench::h5
