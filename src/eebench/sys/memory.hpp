#pragma once

namespace eebench::sys {

/// Lets the allocator keep what is freed instead of giving it back to the system: activations of
/// the next step or batch are as large as those of the last, and without this a third of the time
/// of a training step goes into page faults. For the whole process; called once, first thing in
/// main.
void keep_freed_memory();

}  // namespace eebench::sys
