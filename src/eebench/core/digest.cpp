#include "eebench/core/digest.hpp"

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>

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
    throw std::runtime_error("SHA-256 is not available in this OpenSSL");
  }
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
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned int length = 0;
  check(EVP_DigestFinal_ex(impl_->context, value.data(), &length));
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += fmt::format("{:02x}", value[i]);
  }
  return text;
}

}  // namespace eebench
