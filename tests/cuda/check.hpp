#pragma once

#include <string>

namespace eebench::test {

/// Notes a failure and goes on. A framework would be one thing more that a bare GPU machine lacks.
void check(bool condition, const std::string& what);

void test_all_reduce();
void test_networks();
void test_packed_operations();
void test_timing();

}  // namespace eebench::test
