// Several threads for one job: torch's OpenMP threads where it has loaded them, else the engine's own, which start when
// first wanted, sleep between jobs and start anew after a fork.
#pragma once

#include <atomic>
#include <cstdint>

namespace tidegate {

// Where the threads of a team wait for each other.
class Barrier {
public:
    void wait(int count);

private:
    std::atomic<int> waiting_{0};
    std::atomic<int> round_{0};
};

struct Team {
    int id, count;
    Barrier* barrier;

    void together() const {
        if (count > 1) barrier->wait(count);
    }
};

// Run task(context, team) on up to `threads` threads, the caller's among them. There may be fewer, when another caller has
// them: the team says how many.
using Task = void (*)(void* context, const Team& team);
void run_team(int threads, Task task, void* context);

}  // namespace tidegate
