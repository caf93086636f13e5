// One block of work memory for a call, handed out in aligned pieces.
#pragma once

#include "level.hpp"

namespace tidegate::TIDEGATE_LEVEL {

extern const Runtime* runtime;  // what the extension gave this level

// Lay out once without memory to learn the size.
class Workspace {
public:
    Workspace() = default;
    explicit Workspace(std::size_t bytes) : block_(runtime->allocate(bytes)) {}
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    ~Workspace() { if (block_.data) runtime->release(block_); }

    template <class T> T* take(std::size_t count) {
        T* piece = block_.data ? reinterpret_cast<T*>(static_cast<char*>(block_.data) + used_) : nullptr;
        used_ += (count * sizeof(T) + kLine - 1) / kLine * kLine;
        return piece;
    }

    std::size_t used() const { return used_; }

private:
    static constexpr std::size_t kLine = 64;
    Block block_;
    std::size_t used_ = 0;
};

}  // namespace tidegate::TIDEGATE_LEVEL
