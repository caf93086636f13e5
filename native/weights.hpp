// A cell's two matrices, from torch's layout (gates * units, columns) to packed panels and back.
#pragma once

#include <array>
#include <cstdint>

#include "cell.hpp"
#include "matmul.hpp"

namespace tidegate::TIDEGATE_LEVEL {

// Which blocks of 16 x 16 units a recurrent matrix has; all of them when `kept` is null.
struct Pattern {
    static constexpr ptrdiff_t kSide = 16;
    const std::uint8_t* kept;
    ptrdiff_t units;

    bool has(ptrdiff_t unit, ptrdiff_t from) const {
        return !kept || kept[unit / kSide * ((units + kSide - 1) / kSide) + from / kSide];
    }
};

// `units` in blocks of a register's lanes.
template <class T> struct Units {
    ptrdiff_t count;

    static constexpr ptrdiff_t lanes = kLanes<T>;
    ptrdiff_t blocks() const { return (count + lanes - 1) / lanes; }
    ptrdiff_t padded() const { return blocks() * lanes; }
    ptrdiff_t in_block(ptrdiff_t block) const { return std::min(lanes, count - block * lanes); }
};

// Where a row of gradients `dz` has a slot of a block. In a last block that is not full the slots follow each other with as
// many lanes as there are units; what a register has beyond them is the next slot's, or anything.
template <class T> ptrdiff_t gradient_at(Units<T> units, ptrdiff_t block, int slot, int slots) {
    return block * slots * units.lanes + slot * units.in_block(block);
}

inline constexpr auto kInOrder = [] {
    std::array<int, kMostGates> slots{};
    for (int i = 0; i < kMostGates; ++i) slots[static_cast<std::size_t>(i)] = i;
    return slots;
}();

// The columns of a matrix: (block, gate), as the pre-activations of a row. In a last block that is not full, each gate takes
// a register of its own, or, `packed`, as many lanes as there are units: of 50 units with four gates, two units of a block
// of 16 then take one register and not four.
template <class T> struct Columns {
    Units<T> units;
    int gates;
    const int* slot;                            // of each gate, among the parts of a packed block
    bool packed;

    using Lanes = std::array<ptrdiff_t, kLanes<T>>;

    Columns(Units<T> units, int gates, bool may_pack, const int* slot = kInOrder.data())
        : units(units), gates(gates), slot(slot), packed(may_pack && registers_packed() < gates && rest() > 0) {}

    ptrdiff_t rest() const { return units.count % units.lanes; }
    ptrdiff_t parts() const { return gates > 0 ? 1 + *std::max_element(slot, slot + gates) : 0; }
    ptrdiff_t registers_packed() const { return (rest() * parts() + units.lanes - 1) / units.lanes; }
    ptrdiff_t apart() const { return (packed ? units.count / units.lanes : units.blocks()) * gates; }
    ptrdiff_t count() const { return apart() + (packed ? registers_packed() : 0); }

    // The matrix's row in each lane of a column; -1 for none.
    Lanes rows(ptrdiff_t column) const {
        Lanes found;
        if (column < apart()) {
            const ptrdiff_t block = column / gates, first = column % gates * units.count + block * units.lanes;
            for (ptrdiff_t lane = 0; ptrdiff_t& row : found)
                row = lane < units.in_block(block) ? first + lane : -1, ++lane;
        } else {
            ptrdiff_t place = (column - apart()) * units.lanes;
            for (ptrdiff_t& row : found) {
                const ptrdiff_t gate = std::find(slot, slot + gates, place / rest()) - slot;
                const ptrdiff_t unit = units.count - rest() + place % rest();
                row = gate < gates ? gate * units.count + unit : -1, ++place;
            }
        }
        return found;
    }

    // Where a column begins in a row of gradients `dz` of `slots` slots.
    ptrdiff_t offset(ptrdiff_t column, int slots) const {
        if (column < apart()) return gradient_at(units, column / gates, slot[column % gates], slots);
        return gradient_at(units, units.blocks() - 1, 0, slots) + (column - apart()) * units.lanes;
    }

    // Give each gate of a packed block the register that it has in the others; from the last on, for it is done in place.
    void spread(T* block, ptrdiff_t rows, ptrdiff_t row_size) const {
        for (ptrdiff_t row = 0; row < rows; ++row, block += row_size)
            for (ptrdiff_t gate = gates - 1; gate >= 0; --gate)
                store(block + gate * units.lanes, load_part<Vec<T>>(block + gate * rest(), static_cast<int>(rest())));
    }
};

// k is a feature or a previous unit.
template <class T> Layout forward_layout(Columns<T> columns, ptrdiff_t depth, Pattern pattern) {
    const Units<T> units = columns.units;
    const int gates = columns.gates;
    return Layout::make(columns.count(), !pattern.kept, kWidth, [&](ptrdiff_t panel, auto add) {
        if (!pattern.kept) return add(0, depth);
        const ptrdiff_t first = panel * kWidth / gates, last = (panel * kWidth + kWidth - 1) / gates;
        for (ptrdiff_t from = 0; from < depth; from += Pattern::kSide) {
            bool any = false;
            for (ptrdiff_t block = first; block <= last && block < units.blocks(); ++block)
                any = any || pattern.has(block * units.lanes, from);
            if (any) add(from, std::min(Pattern::kSide, depth - from));
        }
    });
}

// Columns are blocks of features or previous units; k runs over a row of `dz`, where the gradient of gate `g` of
// a block is in slot slot[g].
template <class T>
Layout transposed_layout(Units<T> units, const int* slot, int gates, int slots, Units<T> columns, Pattern pattern) {
    // A narrow panel spans few blocks, so that more of a sparse matrix can be left out.
    const int across = pattern.kept ? 1 : kWidth;
    return Layout::make(columns.blocks(), !pattern.kept, across, [&](ptrdiff_t panel, auto add) {
        for (ptrdiff_t block = 0; block < units.blocks(); ++block) {
            if (!pattern.has(block * units.lanes, panel * units.lanes)) continue;
            for (int gate = 0; gate < gates; ++gate)
                add(gradient_at(units, block, slot[gate], slots), units.in_block(block));
        }
    });
}

// Columns w of a panel: call f(where its registers start, the matrix's row in each of its lanes).
template <class T, class F> void each_column(const Packed<T>& packed, Columns<T> columns, ptrdiff_t panel, F f) {
    for (int w = 0; w < packed.layout->width(panel); ++w)
        f(packed.panel(panel) + w * kLanes<T>, columns.rows(panel * kWidth + w));
}

template <class T>
void pack_panel(const Packed<T>& to, Columns<T> columns, ptrdiff_t panel, const T* matrix, ptrdiff_t depth) {
    constexpr ptrdiff_t L = kLanes<T>;
    const ptrdiff_t step = to.layout->width(panel) * L;
    each_column(to, columns, panel, [&](T* at, const typename Columns<T>::Lanes& rows) {
        for (const Run *run = to.layout->runs_of(panel), *end = to.layout->runs_end(panel); run != end; ++run) {
            for (ptrdiff_t k = 0; k < run->count; k += L) {
                const int count = static_cast<int>(std::min(L, run->count - k));
                Vec<T> square[L];
                for (std::size_t lane = 0; lane < rows.size(); ++lane)
                    square[lane] = rows[lane] < 0 ? Vec<T>{}
                                                  : load_part<Vec<T>>(matrix + rows[lane] * depth + run->from + k, count);
                transpose(square);
                for (int i = 0; i < count; ++i, at += step) store(at, square[i]);
            }
        }
    });
}

template <class T>
void unpack_panel(const Packed<T>& from, Columns<T> columns, ptrdiff_t panel, T* matrix, ptrdiff_t depth) {
    constexpr ptrdiff_t L = kLanes<T>;
    const ptrdiff_t step = from.layout->width(panel) * L;
    each_column(from, columns, panel, [&](const T* at, const typename Columns<T>::Lanes& rows) {
        for (const Run *run = from.layout->runs_of(panel), *end = from.layout->runs_end(panel); run != end; ++run) {
            for (ptrdiff_t k = 0; k < run->count; k += L) {
                const int count = static_cast<int>(std::min(L, run->count - k));
                Vec<T> square[L];
                for (ptrdiff_t i = 0; i < L; ++i) square[i] = i < count ? load<Vec<T>>(at + i * step) : Vec<T>{};
                transpose(square);
                for (std::size_t lane = 0; lane < rows.size(); ++lane)
                    if (rows[lane] >= 0) store_part(matrix + rows[lane] * depth + run->from + k, square[lane], count);
                at += count * step;
            }
        }
    });
}

template <class T>
void pack_transposed_panel(const Packed<T>& to, Units<T> units, int gates, Units<T> columns, Pattern pattern,
                           ptrdiff_t panel, const T* matrix) {
    const Layout& layout = *to.layout;
    const int width = layout.width(panel);
    T* at = to.panel(panel);
    for (ptrdiff_t block = 0; block < units.blocks(); ++block) {
        if (!pattern.has(block * units.lanes, panel * units.lanes)) continue;
        for (int gate = 0; gate < gates; ++gate) {
            for (ptrdiff_t lane = 0; lane < units.in_block(block); ++lane) {
                const T* row = matrix + (gate * units.count + block * units.lanes + lane) * columns.count;
                for (int w = 0; w < width; ++w, at += units.lanes) {
                    const ptrdiff_t column = panel * layout.across + w;
                    store(at, load_part<Vec<T>>(row + column * units.lanes, static_cast<int>(columns.in_block(column))));
                }
            }
        }
    }
}

}  // namespace tidegate::TIDEGATE_LEVEL
