#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace eebench::sys {

/// Where what will replace `file` is written first, beside it.
std::filesystem::path part_of(const std::filesystem::path& file);

/// Lets `write` fill part_of(file), forces it to disk and moves it into place:
/// readers see the old content or the new, also after a crash. Throws IoError naming the file; what
/// `write` throws passes through. The temporary file is gone in both cases.
void publish(const std::filesystem::path& file,
             const std::function<void(const std::filesystem::path& temporary)>& write);

/// The same for text.
void publish_text(const std::filesystem::path& file, std::string_view text);

/// Moves a finished file into place, after forcing it to disk; then the folder.
void publish_finished(const std::filesystem::path& temporary, const std::filesystem::path& file);

/// Adds to the end of a file and forces it to disk: a journal's line. Throws IoError.
void append_durably(const std::filesystem::path& file, std::string_view text);

/// Before hours of work: throws InputError unless a file can be made at part_of(file).
void check_writable(const std::filesystem::path& file);

/// Makes the folder and those above it. Throws InputError where that, or writing into it, is not
/// allowed.
void make_writable_folder(const std::filesystem::path& folder);

/// The same for as long as this lives: then a folder that it made, and that is still empty, goes.
class OutputFolder {
 public:
  explicit OutputFolder(std::filesystem::path folder);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

 private:
  std::filesystem::path folder_;
  bool is_new_;
};

/// Throws InputError that names the path and says what it is where it is no regular file that can
/// be opened; so a pipe does not hang the reader.
void check_is_file(const std::filesystem::path& path);

/// Bytes that an ordinary user may still write at `folder`, which must exist. Throws IoError.
std::uint64_t free_bytes(const std::filesystem::path& folder);

/// Kind of the file system that holds an existing path, e.g. "ext4", "nfs", "lustre"; in
/// hexadecimal where it has no well-known name. Throws IoError.
std::string file_system(const std::filesystem::path& path);

}  // namespace eebench::sys
