// Several threads for one job: torch's OpenMP threads where it has loaded them, else the engine's own, which start when
// first wanted, sleep between jobs and start anew after a fork.
#pragma once

#include "runtime.hpp"

namespace tidegate {

void run_team(int threads, Task task, void* context);  // see Runtime

}  // namespace tidegate
