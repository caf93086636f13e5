// The contract between the scan and a cell's pointwise mathematics, which the Python package prints as C++.
//
// The scan does the products, a cell's two functions do everything between them. Both see a tile: some rows of the
// batch by some blocks of units, a block being as many units as a register has lanes. A cell is plain data, so one
// that is compiled later, into a library of its own, is used in the same way as a built-in one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tidegate {

using std::ptrdiff_t;

constexpr int kMostStates = 8, kMostWeights = 24, kMostGates = 16;

// Rows are `*_row` elements apart. Within a row the blocks follow each other: those of `zx`, `zh` and `saved` hold one
// register for each gate or slot, those of states and weights one register.
template <class T> struct Tile {
    ptrdiff_t rows, blocks;
    ptrdiff_t units;                      // of all blocks together: what is beyond them in the last block is padding
    const T *zx, *zh;                // W x + b for every gate; U h + b' for those that read h
    ptrdiff_t zx_row, zh_row;
    const T* prev[kMostStates];      // states before the step
    ptrdiff_t prev_row;
    T* next[kMostStates];            // states after it: written by forward, read by backward
    T* d[kMostStates];               // backward: gradient of the states after the step in, of those before it out
    ptrdiff_t state_row;
    const T* w[kMostWeights];        // weights and constants (w_row is 0), then sequences
    ptrdiff_t w_row[kMostWeights];
    T* saved;                       // forward: null, or where what backward needs is kept; backward: gradients out
    ptrdiff_t saved_row;
    T* spill;                        // room for `Cell::spill` registers of each block
};

// Slots of `saved` after backward: the gates that read h, in order; the x parts of split gates and of gates that
// read x alone; the weights; the sequences.
template <class T> struct Cell {
    int gates, h_gates, states, weights, constants, sequences;
    int slots;                       // registers of `saved` for each block
    int spill;
    int whole;                       // a tile must hold all blocks: the cell sums over the units
    int below[kMostWeights];         // of each sequence: the state of the layer below that it is, or -1
    int x_slot[kMostGates];          // where backward leaves the gradient of a gate's W x
    int gradients;                   // slots that backward fills
    void (*forward)(const Tile<T>&);
    void (*backward)(const Tile<T>&);
};

}  // namespace tidegate
