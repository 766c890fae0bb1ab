#include "eebench/model/torch_file.hpp"

#include <fstream>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/unpickler.hpp"
#include "eebench/model/zip_archive.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::model {

StateDict read_torch_file(const std::filesystem::path& path) {
  sys::check_is_file(path);
  std::ifstream in(path, std::ios::binary);
  const std::vector<char> content((std::istreambuf_iterator<char>(in)), {});
  const Bytes file(reinterpret_cast<const unsigned char*>(content.data()), content.size());
  std::optional<Bytes> pickle;
  std::map<std::string, Bytes> data;
  for (const auto& [name, bytes] : zip_entries(file, path.string())) {
    if (name.ends_with("/data.pkl")) {
      pickle = bytes;
    } else if (const auto place = name.find("/data/"); place != std::string::npos) {
      data.emplace(name.substr(place + 6), bytes);
    } else if (name.ends_with("/byteorder") &&
               std::string(bytes.begin(), bytes.end()) != "little") {
      throw InputError(path.string() + ": big-endian data; save it on a little-endian machine");
    }
  }
  if (!pickle) {
    throw InputError(path.string() +
                     ": no data.pkl inside; save model.state_dict() with torch.save");
  }
  return unpickle(*pickle, data, path.string());
}

}  // namespace eebench::model
