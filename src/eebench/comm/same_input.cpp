#include "eebench/comm/same_input.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"

namespace eebench::comm {
namespace {

std::string host_name() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return host.data();
}

/// Equal where two ranks see the same file of the same node.
std::string identity_of(const std::filesystem::path& file) {
  struct stat status {};
  stat(file.c_str(), &status);
  return fmt::format("{} {} {}", host_name(), status.st_dev, status.st_ino);
}

/// Of one file.
std::string sha256_of(const std::filesystem::path& file, const Communicator& comm,
                      const std::function<void()>& alive) {
  constexpr std::int64_t buffers_of_a_piece = 256;
  std::vector<char> buffer(1 << 20);
  const std::vector<std::string> identities = comm.all_gather(identity_of(file));
  const auto rank = static_cast<std::size_t>(comm.rank());
  const auto reader = std::find(identities.begin(), identities.end(), identities[rank]);
  std::ifstream in;
  if (reader == identities.begin() + comm.rank()) {
    in.open(file, std::ios::binary);
  }
  const bool reads = in.is_open();
  Digest digest;
  bool more = true;
  while (more) {
    alive();
    for (std::int64_t i = 0; reads && in && i < buffers_of_a_piece; ++i) {
      in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      digest.add(std::string_view(buffer.data(), static_cast<std::size_t>(in.gcount())));
    }
    comm.agree([&] {
      if (in.bad() || in.rdstate() == std::ios::failbit) {
        throw InputError(fmt::format("{}: cannot be read; check that it exists and its permissions",
                                     file.string()));
      }
    });
    more = !comm.all(!reads || in.eof());
  }
  const std::string own = reads ? digest.hex() : "";
  std::string of_root = comm.broadcast(own);
  require_same(reads ? own : of_root, file.string(), comm);
  return of_root;
}

}  // namespace

void require_same(const std::string& text, const std::string& what, const Communicator& comm,
                  const std::string& remedy) {
  const std::vector<std::string> digests = comm.all_gather(sha256(text));
  const auto holders = [&](const std::string& digest) {
    return std::count(digests.begin(), digests.end(), digest);
  };
  const std::string& usual = *std::max_element(
      digests.begin(), digests.end(),
      [&](const auto& one, const auto& other) { return holders(one) < holders(other); });
  const auto odd = std::find_if(digests.begin(), digests.end(),
                                [&](const std::string& digest) { return digest != usual; });
  if (odd != digests.end()) {
    const int rank = static_cast<int>(odd - digests.begin());
    throw InputError(fmt::format("{}: rank {} on {} has another one than {} of {} ranks; {}", what,
                                 rank, comm.broadcast(host_name(), rank), holders(usual),
                                 comm.size(), remedy));
  }
}

std::string agreed_sha256(const std::vector<std::filesystem::path>& files, const Communicator& comm,
                          const std::function<void()>& alive) {
  require_same(fmt::to_string(files.size()), files.front().parent_path().string(), comm);
  std::vector<std::string> digests;
  digests.reserve(files.size());
  for (const auto& file : files) {
    digests.push_back(sha256_of(file, comm, alive));
  }
  return joint_sha256(digests);
}

}  // namespace eebench::comm
