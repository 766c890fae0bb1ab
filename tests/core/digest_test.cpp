#include "eebench/core/digest.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"

using namespace eebench;

namespace {
// FIPS 180-4 examples of the NIST.
constexpr const char* of_empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* of_million_a =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
}  // namespace

TEST_CASE("SHA-256 gives the published values") {
  CHECK(sha256("") == of_empty);
  CHECK(sha256("abc") == of_abc);
  CHECK(sha256(std::string(1000000, 'a')) == of_million_a);
}

TEST_CASE("MD5 gives the values of RFC 1321") {
  CHECK(md5("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(md5("abc") == "900150983cd24fb0d6963f7d28e17f72");
}

TEST_CASE("SHA-256 does not depend on how the bytes are divided") {
  CHECK(Digest().add("a").add("").add("bc").hex() == of_abc);
}

TEST_CASE("SHA-256 of a file is that of its bytes") {
  const auto file = std::filesystem::temp_directory_path() / "eebench_digest_test";
  std::ofstream(file) << std::string(1000000, 'a');
  CHECK(sha256_file(file) == of_million_a);
  std::ofstream(file, std::ios::trunc).flush();
  CHECK(sha256_file(file) == of_empty);
  std::filesystem::remove(file);
  CHECK_THROWS_AS(sha256_file(file), IoError);
}
