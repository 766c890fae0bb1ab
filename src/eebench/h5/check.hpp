#pragma once

#include <string>
#include <string_view>

#include <hdf5.h>

#include "eebench/h5/handle.hpp"
#include "eebench/h5/types.hpp"

namespace eebench::h5 {

/// The library's error stack in one line, outermost call first; the stack is cleared. Empty where
/// no call failed.
std::string error_text();

/// The one place where results of HDF5 calls are looked at: a negative one throws IoError with
/// `where` (file and object), `doing` ("write", "open" ...) and the library's own words.
void check(herr_t status, std::string_view where, std::string_view doing);
/// The same for what was asked of an input: InputError with the innermost cause alone.
void check_read(herr_t status, std::string_view where);
Handle check_id(hid_t id, std::string_view where, std::string_view doing);
Handle check_read_id(hid_t id, std::string_view where);

/// How many values of `width` bytes are to be read of an object, before memory is taken for them.
/// Throws InputError where its file is too small to hold as many, however well compressed.
std::size_t checked_size(hid_t object, const Extents& count, std::size_t width,
                         std::string_view where);
/// The same for all of a data space.
std::size_t checked_size(hid_t object, hid_t space, std::size_t width, std::string_view where);

}  // namespace eebench::h5
