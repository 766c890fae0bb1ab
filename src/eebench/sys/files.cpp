#include "eebench/sys/files.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "eebench/core/error.hpp"

namespace eebench::sys {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, std::string_view action) {
  const int code = errno;
  throw IoError(fmt::format("{}: cannot {}: {}", path.string(), action, std::strerror(code)));
}

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : path_(path), fd_(open(path.c_str(), flags, 0666)) {
    if (fd_ < 0) {
      fail(path, "be opened");
    }
  }
  ~Descriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno != EINTR) {
        fail(path_, "be written");
      }
      text.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
    }
  }
  void sync() const {
    if (fsync(fd_) != 0) {
      fail(path_, "be forced to disk");
    }
  }

 private:
  fs::path path_;
  int fd_;
};

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

}  // namespace

fs::path part_of(const fs::path& file) { return file.string() + ".part"; }

void publish_finished(const fs::path& temporary, const fs::path& file) {
  Descriptor(temporary, O_RDONLY).sync();
  if (std::rename(temporary.c_str(), file.c_str()) != 0) {
    fail(file, "be put into place");
  }
  Descriptor(folder_of(file), O_RDONLY | O_DIRECTORY).sync();
}

void publish(const fs::path& file, const std::function<void(const fs::path&)>& write) {
  const fs::path temporary = part_of(file);
  try {
    write(temporary);
    publish_finished(temporary, file);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

void publish_text(const fs::path& file, std::string_view text) {
  publish(file, [&](const fs::path& temporary) {
    Descriptor(temporary, O_WRONLY | O_CREAT | O_TRUNC).write(text);
  });
}

void append_durably(const fs::path& file, std::string_view text) {
  const Descriptor out(file, O_WRONLY | O_CREAT | O_APPEND);
  out.write(text);
  out.sync();
}

void check_writable(const fs::path& file) {
  const fs::path part = part_of(file);
  const bool was_there = fs::exists(part);
  errno = 0;
  if (!std::ofstream(part, std::ios::app)) {
    throw InputError(fmt::format("{}: cannot be written ({}); free the place or name another",
                                 part.string(), std::strerror(errno)));
  }
  if (!was_there) {
    fs::remove(part);
  }
}

void make_writable_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && access(folder.c_str(), W_OK) != 0) {
    error.assign(errno, std::generic_category());
  }
  if (error) {
    throw InputError(fmt::format("cannot write into '{}': {}; choose another folder",
                                 folder.string(), error.message()));
  }
}

OutputFolder::OutputFolder(fs::path folder)
    : folder_(std::move(folder)), is_new_(!fs::exists(folder_)) {
  make_writable_folder(folder_);
}

OutputFolder::~OutputFolder() {
  if (is_new_) {
    std::error_code not_empty;
    fs::remove(folder_, not_empty);
  }
}

void check_is_file(const fs::path& path) {
  const auto refuse = [&](std::string_view reason) {
    throw InputError(fmt::format("{}: {}", path.string(), reason));
  };
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    refuse("no such file; check the path");
  }
  if (fs::is_directory(status)) {
    refuse("is a folder; name a file");
  }
  if (!error && !fs::is_regular_file(status)) {
    refuse("is a pipe or device; name a file on disk");
  }
  if (error || access(path.c_str(), R_OK) != 0) {
    const int code = error ? error.value() : errno;
    refuse(fmt::format("cannot be read ({}); check its permissions", std::strerror(code)));
  }
}

std::uint64_t free_bytes(const fs::path& folder) {
  struct statvfs facts {};
  if (statvfs(folder.c_str(), &facts) != 0) {
    fail(folder, "be asked for its free space");
  }
  return std::uint64_t{facts.f_bavail} * facts.f_frsize;
}

std::string file_system(const fs::path& path) {
  struct statfs facts {};
  if (statfs(path.c_str(), &facts) != 0) {
    fail(path, "be asked for its file system");
  }
  // Magic numbers of statfs(2).
  static constexpr std::array<std::pair<std::uint32_t, const char*>, 14> known{{
      {0xEF53, "ext4"},
      {0x58465342, "xfs"},
      {0x9123683E, "btrfs"},
      {0x01021994, "tmpfs"},
      {0x794C7630, "overlay"},
      {0x6969, "nfs"},
      {0x0BD00BD0, "lustre"},
      {0x47504653, "gpfs"},
      {0x19830326, "beegfs"},
      {0xFE534D42, "smb2"},
      {0x65735546, "fuse"},
      {0x00C36400, "ceph"},
      {0x2FC12FC1, "zfs"},
      {0x5346414F, "afs"},
  }};
  const auto magic = static_cast<std::uint32_t>(facts.f_type);
  for (const auto& [number, name] : known) {
    if (number == magic) {
      return name;
    }
  }
  return fmt::format("0x{:x}", magic);
}

}  // namespace eebench::sys
