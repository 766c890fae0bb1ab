#include "eebench/sys/memory.hpp"

#include <limits>

#include <malloc.h>

namespace eebench::sys {

void keep_freed_memory() {
  // glibc: no block is mapped (and unmapped) by itself, and the heap is never trimmed.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace eebench::sys
