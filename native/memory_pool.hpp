// Work memory that is used again: beyond some size, malloc maps fresh pages at every call and faults on each of them.
#pragma once

#include "runtime.hpp"

namespace tidegate {

// The newest idle block that fits, or a new one; throws std::bad_alloc.
Block allocate_memory(std::size_t bytes);
void release_memory(Block block);

}  // namespace tidegate
