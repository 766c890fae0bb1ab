#include "eebench/core/digest.hpp"

#include <array>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "eebench/core/error.hpp"

namespace eebench {

struct Digest::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { EVP_MD_CTX_free(context); }
};

namespace {
void check(int result) {
  if (result != 1) {
    throw std::runtime_error("SHA-256 or MD5 is not available in this OpenSSL");
  }
}

using Value = std::array<unsigned char, EVP_MAX_MD_SIZE>;

std::string hexadecimal(const Value& value, unsigned int length) {
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += fmt::format("{:02x}", value[i]);
  }
  return text;
}
}  // namespace

Digest::Digest() : impl_(std::make_unique<Impl>()) {
  check(EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr));
}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

Digest& Digest::add(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()));
  return *this;
}

Digest& Digest::add(std::string_view text) { return add(std::as_bytes(std::span(text))); }

std::string Digest::hex() {
  Value value{};
  unsigned int length = 0;
  check(EVP_DigestFinal_ex(impl_->context, value.data(), &length));
  return hexadecimal(value, length);
}

std::string md5(std::string_view text) {
  Value value{};
  unsigned int length = 0;
  check(EVP_Digest(text.data(), text.size(), value.data(), &length, EVP_md5(), nullptr));
  return hexadecimal(value, length);
}

std::string sha256_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  Digest digest;
  std::vector<char> buffer(1 << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    digest.add(std::string_view(buffer.data(), static_cast<std::size_t>(in.gcount())));
  }
  if (!in.eof()) {
    throw IoError(
        fmt::format("{}: cannot be read; check that it exists and its permissions", file.string()));
  }
  return digest.hex();
}

std::string joint_sha256(std::span<const std::string> of_files) {
  if (of_files.size() == 1) {
    return of_files.front();
  }
  Digest digest;
  for (const std::string& file : of_files) {
    digest.add(file).add("\n");
  }
  return digest.hex();
}

}  // namespace eebench
