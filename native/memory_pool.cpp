#include "memory_pool.hpp"

#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tidegate {
namespace {

constexpr std::size_t kLine = 64, kHugePage = std::size_t{1} << 21, kMostIdle = std::size_t{256} << 20;

// Free blocks of all sizes; the newest that fits is used first, because it is still in the cache.
class MemoryPool {
public:
    Block allocate(std::size_t bytes) {
        {
            std::lock_guard lock(mutex_);
            for (std::size_t i = idle_.size(); i-- > 0;) {
                if (idle_[i].bytes < bytes || idle_[i].bytes > 4 * bytes + kHugePage) continue;
                Block found = idle_[i];
                idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
                idle_bytes_ -= found.bytes;
                return found;
            }
        }
        const std::size_t unit = bytes >= kHugePage ? kHugePage : kLine;
        const std::size_t size = (bytes + unit - 1) / unit * unit;
        void* data = std::aligned_alloc(unit, size ? size : unit);
        if (!data) throw std::bad_alloc();
#if defined(__linux__)
        if (unit == kHugePage) madvise(data, size, MADV_HUGEPAGE);
#endif
        return {data, size};
    }

    void release(Block block) {
        if (!block.data) return;
        std::lock_guard lock(mutex_);
        idle_.push_back(block);
        idle_bytes_ += block.bytes;
        while (idle_bytes_ > kMostIdle || idle_.size() > 64) {
            idle_bytes_ -= idle_.front().bytes;
            std::free(idle_.front().data);
            idle_.erase(idle_.begin());
        }
    }

    static MemoryPool& shared() {
        static MemoryPool* pool = new MemoryPool;  // never destroyed: threads may still give back while the process ends
        return *pool;
    }

private:
    std::mutex mutex_;
    std::vector<Block> idle_;
    std::size_t idle_bytes_ = 0;
};

}  // namespace

Block allocate_memory(std::size_t bytes) { return MemoryPool::shared().allocate(bytes); }
void release_memory(Block block) { MemoryPool::shared().release(block); }

}  // namespace tidegate
