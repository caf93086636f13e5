// Everything that depends on the SIMD level: compiled once for each, into a shared object of its own.
#include "level.hpp"

#include "backward.hpp"
#include "session.hpp"

namespace tidegate::TIDEGATE_LEVEL {

#include "cells.inc"  // printed from the equations: cell_<name>() for every built-in cell

template <class T> constexpr Engine<T> engine() {
    return {[](ptrdiff_t units) { return state_row(Units<T>{units}); },
            [](ptrdiff_t units, const Cell<T>& cell) { return saved_row(Units<T>{units}, cell); },
            [](const Job<T>& job, const Cell<T>& cell) { Forward<T>(job, cell).run(); },
            [](const Job<T>& job, const Cell<T>& cell) { Backward<T>(job, cell).run(); },
            [](const Job<T>* layers, int count, const Cell<T>& cell, const T* noise) -> Stepper<T>* {
                return new Session<T>(layers, count, cell, noise);
            }};
}

template <class T> void apply(int function, const T* from, T* to, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i += kLanes<T>) {
        const int lanes = static_cast<int>(std::min<ptrdiff_t>(kLanes<T>, count - i));
        const auto x = load_part<Vec<T>>(from + i, lanes);
        store_part(to + i, function == 0 ? exp(x) : function == 1 ? sigmoid(x) : function == 2 ? tanh(x) : log(x), lanes);
    }
}

const Runtime* runtime = nullptr;
static const Level kLevel{TIDEGATE_NAME, engine<float>(), engine<double>(), kCells, std::size(kCells), apply<float>};

}  // namespace tidegate::TIDEGATE_LEVEL

extern "C" __attribute__((visibility("default"))) const tidegate::Level* tidegate_level(const tidegate::Runtime* given) {
    tidegate::TIDEGATE_LEVEL::runtime = given;
    return &tidegate::TIDEGATE_LEVEL::kLevel;
}
