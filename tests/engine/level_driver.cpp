// Runs every built-in cell of one level without Python: forward, backward and a session, in float and double, over rows of
// several lengths. Prints a hash of all results for each cell, so that two processors can be compared bit for bit.
//
//     level_driver path/to/_level_avx2.so
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "level.hpp"
#include "memory_pool.hpp"
#include "threads.hpp"

using namespace tidegate;

namespace {

constexpr ptrdiff_t kBatch = 7, kTime = 5, kInputs = 3, kUnits = 21;
constexpr Runtime kRuntime{run_team, allocate_memory, release_memory};

std::uint32_t seed;
double uniform() {
    seed = seed * 1664525u + 1013904223u;
    return double(seed >> 8) / double(1 << 24) - 0.5;
}
template <class T> std::vector<T> numbers(ptrdiff_t count, double shift = 0) {
    std::vector<T> made(static_cast<std::size_t>(count));
    for (T& each : made) each = static_cast<T>(uniform() + shift);
    return made;
}

class Hash {
public:
    template <class T> void add(const std::vector<T>& values) {
        for (const T& value : values) {
            unsigned char bytes[sizeof(T)];
            std::memcpy(bytes, &value, sizeof(T));
            for (unsigned char byte : bytes) state = (state ^ byte) * 1099511628211ull;
        }
    }
    std::uint64_t state = 14695981039346656037ull;
};

// A job and all that its addresses point to.
template <class T> struct Call {
    Job<T> job;
    std::vector<std::vector<T>> arrays;
    const std::vector<std::int64_t> order{2, 0, 4, 1, 3, 6, 5}, lengths{5, 5, 4, 3, 2, 1, 0};

    T* make(ptrdiff_t count, bool random, double shift = 0) {
        arrays.push_back(random ? numbers<T>(count, shift) : std::vector<T>(static_cast<std::size_t>(count)));
        return arrays.back().data();
    }

    // What a session needs.
    Call(const Cell<T>& cell, ptrdiff_t inputs) {
        job.batch = kBatch, job.inputs = inputs, job.units = kUnits;
        job.w_ih = make(cell.gates * kUnits * inputs, true);
        job.w_hh = make(cell.h_gates * kUnits * kUnits, true);
        job.b_ih = make(cell.gates * kUnits, true);
        job.b_hh = make(cell.h_gates * kUnits, true);
        for (int i = 0; i < cell.weights + cell.constants; ++i) job.weights[i] = make(kUnits, true, 1.5);
    }

    // What forward and backward need.
    Call(const Cell<T>& cell, const Engine<T>& engine) : Call(cell, kInputs) {
        job.time = kTime, job.reverse = true, job.threads = 2;
        job.order = order.data(), job.lengths = lengths.data();
        const ptrdiff_t steps = kBatch * kTime, row = engine.state_row(kUnits);
        job.x = {make(steps * kInputs, true), kTime * kInputs, kInputs};
        for (int i = 0; i < cell.sequences; ++i) job.sequences[i] = {make(steps * kUnits, true, 0.5), kTime * kUnits, kUnits};
        for (int i = 0; i < cell.weights; ++i) job.dweights[i] = make(kUnits, false);
        for (int i = 0; i < cell.sequences; ++i) job.dsequences[i] = {make(steps * kUnits, false), kTime * kUnits, kUnits};
        for (int k = 0; k < cell.states; ++k) {
            job.state[k] = make(kBatch * kUnits, true);
            job.states[k] = make((kTime + 1) * kBatch * row, false);
            job.every[k] = true;
            job.y[k] = {make(steps * kUnits, false), kTime * kUnits, kUnits};
            job.last[k] = make(kBatch * kUnits, false);
            job.dy[k] = {make(steps * kUnits, true), kTime * kUnits, kUnits};
            job.dlast[k] = make(kBatch * kUnits, true);
            job.dstate[k] = make(kBatch * kUnits, false);
        }
        job.saved = make(steps * engine.saved_row(kUnits, cell), false);
        job.dx = {make(steps * kInputs, false), kTime * kInputs, kInputs};
        job.dw_ih = make(cell.gates * kUnits * kInputs, false);
        job.dw_hh = make(cell.h_gates * kUnits * kUnits, false);
        job.db_ih = make(cell.gates * kUnits, false);
        job.db_hh = make(cell.h_gates * kUnits, false);
    }
};

template <class T> void run(const char* name, const char* type, const Cell<T>& cell, const Engine<T>& engine) {
    seed = 1;
    Hash hash;
    Call<T> call(cell, engine);
    engine.forward(call.job, cell);
    engine.backward(call.job, cell);
    for (const auto& array : call.arrays) hash.add(array);

    const Call<T> lower(cell, kInputs), upper(cell, kUnits);
    const Job<T> jobs[] = {lower.job, upper.job};
    const auto noise = numbers<T>(cell.sequences, 0.5);
    const std::unique_ptr<Stepper<T>> session(engine.session(jobs, 2, cell, noise.data()));
    std::vector<T> y(kBatch * kUnits);
    for (int step = 0; step < 3; ++step) {
        session->step(numbers<T>(kBatch * kInputs).data(), y.data());
        hash.add(y);
    }
    std::printf("%s %s %016llx\n", name, type, static_cast<unsigned long long>(hash.state));
}

}  // namespace

int main(int count, char** arguments) {
    void* object = count == 2 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    void* entry = object ? dlsym(object, kLevelEntry) : nullptr;
    if (!entry) {
        std::fprintf(stderr, "%s\n", count == 2 ? dlerror() : "one argument: the object of a level");
        return 1;
    }
    const Level& level = *reinterpret_cast<LevelEntry>(entry)(&kRuntime);
    for (std::size_t i = 0; i < level.count; ++i) {
        run(level.cells[i].name, "float", level.cells[i].float32, level.float32);
        run(level.cells[i].name, "double", level.cells[i].float64, level.float64);
    }
}
