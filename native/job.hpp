// What a call asks of the engine. Plain data, the same for every SIMD level.
//
// Rows of the batch are sorted by falling length; a row's place in that order is its position. Steps are counted in
// the order of processing: step s of a row is its time s, or, in reverse, its last time but s.
#pragma once

#include "cell.hpp"

namespace tidegate {

template <class T> struct Strided {
    T* data = nullptr;                // null: zeros in, not wanted out
    long row = 0, step = 0;

    T* at(long r, long t) const { return data + r * row + t * step; }
};

template <class T> struct Job {
    long batch = 0, time = 0, inputs = 0, units = 0;
    bool reverse = false;
    int threads = 1;
    const std::int64_t *order = nullptr, *lengths = nullptr;  // row and length at each position; null: all have every step
    const std::uint8_t* pattern = nullptr;                    // see weights.hpp

    Strided<const T> x, sequences[kMostWeights];
    const T *w_ih = nullptr, *w_hh = nullptr, *b_ih = nullptr, *b_hh = nullptr;
    const T *weights[kMostWeights] = {}, *state[kMostStates] = {}, *h_mask = nullptr;

    // Written by forward and read by backward: each state after every step, at [step + 1][position][unit], or in
    // turn at [0] and [1] when `every` is false; the record, [step][position][block][slot][lane].
    T *states[kMostStates] = {}, *record = nullptr, *masked = nullptr;
    bool every[kMostStates] = {};
    Strided<T> y[kMostStates];                                // the states again, by row and time
    T* last[kMostStates] = {};

    Strided<const T> dy[kMostStates];
    const T* dlast[kMostStates] = {};
    Strided<T> dx, dsequences[kMostWeights];
    T *dw_ih = nullptr, *dw_hh = nullptr, *db_ih = nullptr, *db_hh = nullptr;
    T *dweights[kMostWeights] = {}, *dstate[kMostStates] = {};

    long row_of(long position) const { return order ? order[position] : position; }
    long length_of(long position) const { return lengths ? lengths[position] : time; }
    long time_of(long position, long step) const { return reverse ? length_of(position) - 1 - step : step; }
};

// A stack of layers that runs one step at a time and keeps its states.
template <class T> class Stepper {
public:
    virtual ~Stepper() = default;
    virtual void step(const T* x, T* y) = 0;                       // (batch, inputs) to (batch, units)
    virtual void read(int layer, int state, T* to) const = 0;      // (batch, units)
    virtual void write(int layer, int state, const T* from) = 0;
};

// The engine at one SIMD level.
template <class T> struct Engine {
    long (*state_row)(long units);                          // elements of a row of `states` and `record`
    long (*record_row)(long units, const Cell<T>&);
    void (*forward)(const Job<T>&, const Cell<T>&);
    void (*backward)(const Job<T>&, const Cell<T>&);
    Stepper<T>* (*session)(const Job<T>* layers, int count, const Cell<T>&, const T* noise);
};

}  // namespace tidegate
