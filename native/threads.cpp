#include "threads.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace tidegate {

// Where the threads of a team wait for each other.
class Barrier {
public:
    void wait(int count);

private:
    std::atomic<int> waiting_{0};
    std::atomic<int> round_{0};
};

namespace {

constexpr int kSpins = 4000;  // some microseconds: longer than a step, shorter than anyone would notice

inline void pause() {
#if defined(__SSE2__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spin first, because the wait is mostly shorter than a call to the system; then let others have the core.
template <class Done> void wait_until(Done done) {
    for (int spin = 0; !done(); ++spin) {
        if (spin < kSpins)
            pause();
        else
            std::this_thread::yield();
    }
}

Team member(int id, int count, Barrier& barrier) {
    return {id, count, &barrier, [](Barrier& each, int all) { each.wait(all); }};
}

// Numbers below the smallest normal one cost a hundred times a normal one; the engine takes them as zero.
class FlushDenormals {
public:
#if defined(__SSE2__)
    FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before_); }

private:
    unsigned before_;
#elif defined(__aarch64__)
    FlushDenormals() {
        asm volatile("mrs %0, fpcr" : "=r"(before_));
        asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24)));
    }
    ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

private:
    std::uint64_t before_;
#endif
};

class Pool {
public:
    std::mutex busy;

    void run(int count, Task task, void* context) {
        while (static_cast<int>(workers_.size()) < count - 1) {
            const int id = static_cast<int>(workers_.size()) + 1;
            workers_.emplace_back([this, id, seen = round_.load()] { work(id, seen); });
            workers_.back().detach();
        }
        Barrier barrier;
        task_ = task, context_ = context, barrier_ = &barrier;
        running_.store(count - 1);
        {
            std::lock_guard lock(mutex_);
            round_.store((round_.load() / kMost + 1) * kMost + count);
        }
        wake_.notify_all();
        task(context, member(0, count, barrier));
        wait_until([this] { return running_.load(std::memory_order_acquire) == 0; });
    }

private:
    void work(int id, std::int64_t seen) {
        for (;;) {
            int spin = 0;
            while (round_.load(std::memory_order_acquire) == seen && spin++ < kSpins) pause();
            if (round_.load() == seen) {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return round_.load() != seen; });
            }
            seen = round_.load();
            const int count = static_cast<int>(seen % kMost);
            if (id >= count) continue;
            {
                FlushDenormals flush;
                task_(context_, member(id, count, *barrier_));
            }
            running_.fetch_sub(1, std::memory_order_release);
        }
    }

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    static constexpr std::int64_t kMost = 1024;
    std::atomic<std::int64_t> round_{0};  // the job's number times kMost, plus how many threads it has
    std::atomic<int> running_{0};
    Task task_ = nullptr;
    void* context_ = nullptr;
    Barrier* barrier_ = nullptr;
};

// The OpenMP threads that torch has loaded already. After a parallel operation of torch's they spin on their cores for a
// while, so threads of our own would have to fight them; a job that runs on them finds them awake.
struct OpenMP {
    void (*parallel)(void (*)(void*), void*, unsigned threads, unsigned flags);
    int (*id)();
    int (*count)();

    static const OpenMP& loaded() {
        static const OpenMP found{find<decltype(parallel)>("GOMP_parallel"), find<decltype(id)>("omp_get_thread_num"),
                                  find<decltype(count)>("omp_get_num_threads")};
        return found;
    }
    bool usable() const { return parallel && id && count; }

private:
    template <class F> static F find(const char* name) { return reinterpret_cast<F>(dlsym(RTLD_DEFAULT, name)); }
};

void run_on_openmp(const OpenMP& openmp, int threads, Task task, void* context) {
    struct Shared {
        const OpenMP& openmp;
        Task task;
        void* context;
        Barrier barrier;
    } shared{openmp, task, context, Barrier()};
    openmp.parallel(
        [](void* argument) {
            auto& in = *static_cast<Shared*>(argument);
            const int count = in.openmp.count();  // may be fewer than asked for
            FlushDenormals flush;
            in.task(in.context, member(in.openmp.id(), count, in.barrier));
        },
        &shared, static_cast<unsigned>(threads), 0);
}

Pool* pool = nullptr;
std::mutex making;
bool forked = false;  // OpenMP's threads do not live on in a child, and it does not notice

// A child has none of its parent's threads, and locks as they happened to be: start anew, and leave the old alone.
void forget_pool() {
    forked = true;
    pool = nullptr;
    new (&making) std::mutex;
}

Pool& shared_pool() {
    std::lock_guard lock(making);
    if (!pool) pool = new Pool;
    return *pool;
}

}  // namespace

void Barrier::wait(int count) {
    const int round = round_.load(std::memory_order_acquire);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) == count - 1) {
        waiting_.store(0, std::memory_order_relaxed);
        round_.store(round + 1, std::memory_order_release);
    } else {
        wait_until([&] { return round_.load(std::memory_order_acquire) != round; });
    }
}

void run_team(int threads, Task task, void* context) {
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
    (void)registered;
    if (threads > 1 && !forked && OpenMP::loaded().usable())
        return run_on_openmp(OpenMP::loaded(), threads, task, context);
    FlushDenormals flush;
    if (threads > 1) {
        Pool& shared = shared_pool();
        if (std::unique_lock lock(shared.busy, std::try_to_lock); lock) return shared.run(threads, task, context);
    }
    Barrier alone;
    task(context, member(0, 1, alone));
}

}  // namespace tidegate
