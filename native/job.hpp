// What a call asks of the engine. Plain data, the same for every SIMD level.
//
// Rows of the batch are sorted by falling length; a row's place in that order is its position. Steps are counted in
// the order of processing: step s of a row is its time s, or, in reverse, its last time but s.
#pragma once

#include "cell.hpp"

namespace tidegate {

template <class T> struct Strided {
    T* data = nullptr;                // null: zeros in, not wanted out
    ptrdiff_t row = 0, step = 0;

    T* at(ptrdiff_t r, ptrdiff_t t) const { return data + r * row + t * step; }
};

// What the pointers of a job have in common: every array is of T (but for the four of whole numbers), dense in its last
// axis, aligned as T is, the caller's, and lives until the call returns; none that is written may overlap another. B rows,
// T steps, I inputs, H units, G gates, GH gates that read h, R elements of a row (`Engine::state_row`).
template <class T> struct Job {
    ptrdiff_t batch = 0, time = 0, inputs = 0, units = 0;          // B, T, I, H; all at least 1
    bool reverse = false;
    int threads = 1;
    const std::int64_t *order = nullptr, *lengths = nullptr;  // (B) row and length at each position, lengths falling, 0 to T;
                                                              // null, both: all rows have every step, in their order
    const std::uint8_t* pattern = nullptr;                    // see weights.hpp; null: no block of U is left out

    const std::uint8_t* resets = nullptr;                     // (B, T) by row and time: where not 0, the states before that step
                                                              // are zero to it, whatever came before; null: nowhere

    Strided<const T> x, sequences[kMostWeights];              // (B, T, I), never null; (B, T, H), null: zeros
    const T *w_ih = nullptr, *w_hh = nullptr;                 // (G H, I) and (GH H, H), row after row; never null where G, GH > 0
    const T *b_ih = nullptr, *b_hh = nullptr;                 // (G H) and (GH H); null: zeros
    const T* weights[kMostWeights] = {};                      // (H) each: the weights, then the constants
    const T *state[kMostStates] = {}, *h_mask = nullptr;      // (B, H) by row; null: zeros; h_mask null: no mask

    // Written by forward and read by backward: each state after every step, (T + 1, B, R) by step and position, or in turn
    // at [0] and [1], (2, B, R), when `every` is false, which backward does not take; the saved activations,
    // (T, B, blocks, slots, lanes) in rows of `Engine::saved_row`, null when there will be no backward, which overwrites them
    // with gradients; the first state under its mask, as states[0], where there is a mask.
    T *states[kMostStates] = {}, *saved = nullptr, *masked = nullptr;
    bool every[kMostStates] = {};
    Strided<T> y[kMostStates];                                // (B, T, H), the states again by row and time; null: not wanted.
                                                              // Steps beyond a row's length are left as they are
    T* last[kMostStates] = {};                                // (B, H) by row, after each row's last step; null: not wanted

    // Backward: gradients in, null for zeros, and out, null for not wanted. What it gives it writes, adding to nothing; steps
    // beyond a row's length and blocks of U that the pattern leaves out are left as they are.
    Strided<const T> dy[kMostStates];                         // (B, T, H)
    const T* dlast[kMostStates] = {};                         // (B, H)
    Strided<T> dx, dsequences[kMostWeights];                  // (B, T, I); (B, T, H)
    T *dw_ih = nullptr, *dw_hh = nullptr, *db_ih = nullptr, *db_hh = nullptr;  // shaped as what they are the gradients of
    T *dweights[kMostWeights] = {}, *dstate[kMostStates] = {};                 // (H), of the weights alone; (B, H)

    ptrdiff_t row_of(ptrdiff_t position) const { return order ? order[position] : position; }
    ptrdiff_t length_of(ptrdiff_t position) const { return lengths ? lengths[position] : time; }
    ptrdiff_t time_of(ptrdiff_t position, ptrdiff_t step) const { return reverse ? length_of(position) - 1 - step : step; }
    bool begins(ptrdiff_t position, ptrdiff_t step) const {
        return resets && resets[row_of(position) * time + time_of(position, step)];
    }
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
    ptrdiff_t (*state_row)(ptrdiff_t units);                 // elements of a row of `states` and `saved`
    ptrdiff_t (*saved_row)(ptrdiff_t units, const Cell<T>&);
    void (*forward)(const Job<T>&, const Cell<T>&);
    void (*backward)(const Job<T>&, const Cell<T>&);
    Stepper<T>* (*session)(const Job<T>* layers, int count, const Cell<T>&, const T* noise);
};

}  // namespace tidegate
