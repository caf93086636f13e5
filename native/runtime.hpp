// What the process shares among the levels: its threads and its work memory. The extension makes one table of these functions
// and hands it to the object of a level, which has no copy of either.
#pragma once

#include <cstddef>

namespace tidegate {

class Barrier;

// One thread's view of those that do a job together.
struct Team {
    int id, count;
    Barrier* barrier;
    void (*wait)(Barrier&, int count);

    void synchronise() const {
        if (count > 1) wait(*barrier, count);
    }
};

using Task = void (*)(void* context, const Team& team);

struct Block {
    void* data = nullptr;
    std::size_t bytes = 0;
};

struct Runtime {
    // Run task(context, team) on up to `threads` threads, the caller's among them. There may be fewer, when another caller
    // has them: the team says how many.
    void (*run_team)(int threads, Task task, void* context);
    // Memory of at least `bytes`, aligned to a cache line; throws std::bad_alloc. It is given back with `release`.
    Block (*allocate)(std::size_t bytes);
    void (*release)(Block block);
};

}  // namespace tidegate
