// The engine and the built-in cells as compiled for one SIMD level.
#pragma once

#include <cstddef>

#include "job.hpp"

namespace tidegate {

struct NamedCell {
    const char* name;
    Cell<float> single;
    Cell<double> twofold;
};

struct Level {
    const char* name;
    Engine<float> single;
    Engine<double> twofold;
    const NamedCell* cells;
    std::size_t count;
    void (*apply)(int function, const float* from, float* to, long count);  // exp, sigmoid, tanh: for their test
};

}  // namespace tidegate
