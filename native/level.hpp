// The engine and the built-in cells as compiled for one SIMD level, into a shared object of its own. Its one exported symbol
// is `tidegate_level`: whatever else it holds, templates of the standard library as well, is for processors of this level
// alone and must not be found by anyone else.
#pragma once

#include <cstddef>

#include "job.hpp"
#include "runtime.hpp"

namespace tidegate {

struct NamedCell {
    const char* name;
    Cell<float> float32;
    Cell<double> float64;
};

struct Level {
    const char* name;
    Engine<float> float32;
    Engine<double> float64;
    const NamedCell* cells;
    std::size_t count;
    void (*apply)(int function, const float* from, float* to, ptrdiff_t count);  // exp, sigmoid, tanh: for their test
};

using LevelEntry = const Level* (*)(const Runtime*);
constexpr const char* kLevelEntry = "tidegate_level";

}  // namespace tidegate
