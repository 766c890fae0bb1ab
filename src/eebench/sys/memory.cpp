#include "eebench/sys/memory.hpp"

#include <limits>

#include <malloc.h>

namespace eebench::sys {

void keep_freed_memory() {
  // glibc: the largest threshold it accepts, above which a block is mapped and unmapped by itself;
  // and never trim the heap.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace eebench::sys
