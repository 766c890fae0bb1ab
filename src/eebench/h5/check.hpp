#pragma once

#include <string>
#include <string_view>

#include <hdf5.h>

#include "eebench/h5/handle.hpp"

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

}  // namespace eebench::h5
