#include "eebench/model/zip_archive.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace eebench::model {

std::map<std::string, Bytes> zip_entries(Bytes file, const std::string& where) {
  constexpr std::size_t end_record = 22;
  const auto is_end = [&](std::size_t at) { return std::memcmp(&file[at], "PK\5\6", 4) == 0; };
  std::size_t end = file.size() < end_record ? 0 : file.size() - end_record + 1;
  while (end > 0 && !is_end(end - 1)) {
    --end;
  }
  if (end == 0) {
    throw InputError(where + ": not a PyTorch file in zip format; save it again with torch.save");
  }
  ByteReader cursor(file, where);
  cursor.seek(end - 1 + 10);
  const auto count = cursor.number<std::uint16_t>();
  cursor.take(4);
  const auto directory = cursor.number<std::uint32_t>();
  cursor.seek(directory);
  std::map<std::string, Bytes> entries;
  std::size_t bytes = 0;
  for (int entry = 0; entry < count; ++entry) {
    if (cursor.number<std::uint32_t>() != 0x02014b50) {
      throw InputError(where + ": damaged zip directory; copy or download the file again");
    }
    cursor.take(6);
    const auto method = cursor.number<std::uint16_t>();
    cursor.take(8);
    const std::size_t packed_size = cursor.number<std::uint32_t>();
    cursor.take(4);
    const auto name_size = cursor.number<std::uint16_t>();
    const auto extra_size = cursor.number<std::uint16_t>();
    const auto comment_size = cursor.number<std::uint16_t>();
    cursor.take(8);
    const std::size_t local = cursor.number<std::uint32_t>();
    std::string name = cursor.text(name_size);
    cursor.take(std::size_t{extra_size} + comment_size);
    bytes += packed_size;
    if (bytes > file.size()) {
      throw InputError(where + ": entries overlap; copy or download the file again");
    }
    if (method != 0) {
      throw InputError(
          fmt::format("{}: entry '{}' is compressed, which torch.save does not do; save it "
                      "again with torch.save",
                      where, name));
    }
    ByteReader header(file, where);
    header.seek(local + 26);
    const auto local_name = header.number<std::uint16_t>();
    const auto local_extra = header.number<std::uint16_t>();
    header.take(std::size_t{local_name} + local_extra);
    entries.emplace(std::move(name), header.take(packed_size));
  }
  return entries;
}

}  // namespace eebench::model
