// The loop over time, for any cell: what forward and backward share.
#pragma once

#include "job.hpp"
#include "weights.hpp"
#include "workspace.hpp"

namespace tidegate::TIDEGATE_LEVEL {

constexpr ptrdiff_t kChunk = 4 * kRows;       // rows of the batch that go through a panel together
constexpr ptrdiff_t kAlign = 4;               // blocks of units that always are whole panels
constexpr ptrdiff_t kFewRows = 4 * kWidth;    // blocks in a tile of few rows: as many panels as it takes, of one gate

// Elements from one row of a plane of states to the next, and of the saved activations. Where it were a large power of two, all rows
// would fall into few sets of the cache.
template <class T> ptrdiff_t state_row(Units<T> units) {
    return units.padded() + (units.padded() * ptrdiff_t{sizeof(T)} % 1024 == 0 ? units.lanes : 0);
}
template <class T> ptrdiff_t saved_row(Units<T> units, const Cell<T>& cell) {
    const ptrdiff_t registers = units.blocks() * cell.slots;
    return (registers + (registers % 16 == 0)) * units.lanes;
}

// The part of a job that one thread does: every n-th position, or a range of blocks of all of them.
struct Partition {
    ptrdiff_t first, stride, first_block, last_block;
    bool alone;                          // no other thread reads what this one writes within a step
};

template <class T> class Scan {
public:
    static constexpr ptrdiff_t L = kLanes<T>;

    Scan(const Job<T>& job, const Cell<T>& cell)
        : job(job), cell(cell), units{job.units}, blocks(units.blocks()), width(state_row(units)) {}

    // Rows need no barrier, but every thread reads all weights, so they should fit its own cache.
    int threads() const {
        const double step = double(cell.h_gates) * double(job.units) * double(job.units) +
                            double(cell.gates) * double(job.units) * double(job.inputs);
        if (job.threads < 2 || step * double(job.batch) * double(job.time) < 3e5) return 1;
        if (by_rows()) return static_cast<int>(std::min<ptrdiff_t>(job.threads, job.batch));
        if (cell.whole || step * double(job.batch) < 6e4) return 1;
        return static_cast<int>(std::min<ptrdiff_t>(job.threads, (blocks + kAlign - 1) / kAlign));
    }

    bool by_rows() const {
        const double bytes = double(cell.h_gates) * double(job.units) * double(job.units) * sizeof(T);
        return job.batch >= job.threads && (cell.whole || bytes < 1.2e6 || blocks < job.threads * kAlign);
    }

    Partition partition(const Team& team) const {
        if (team.count == 1) return {0, 1, 0, blocks, true};
        if (by_rows()) return {team.id, team.count, 0, blocks, true};
        const ptrdiff_t groups = (blocks + kAlign - 1) / kAlign;
        const ptrdiff_t from = groups * team.id / team.count, to = groups * (team.id + 1) / team.count;
        return {0, 1, from * kAlign, std::min(blocks, to * kAlign), false};
    }

    // How many of a part's positions have a step s; they are the first ones.
    ptrdiff_t active(const Partition& part, ptrdiff_t s) const {
        ptrdiff_t count = (job.batch - part.first + part.stride - 1) / part.stride;
        if (job.lengths)
            while (count > 0 && job.lengths[part.first + (count - 1) * part.stride] <= s) --count;
        return count;
    }

    T* state(int k, ptrdiff_t s, ptrdiff_t position) const {
        return job.states[k] + ((job.every[k] ? s : s & 1) * job.batch + position) * width;
    }
    // What U multiplies: the first state, or that under its mask.
    T* reads(ptrdiff_t s, ptrdiff_t position) const {
        if (!job.masked) return state(0, s, position);
        return job.masked + ((job.every[0] ? s : s & 1) * job.batch + position) * width;
    }
    // The same for step s, which may begin anew.
    const T* reads(ptrdiff_t s, ptrdiff_t position, const T* padded) const {
        return job.begins(position, s) ? padded + extras() * width : reads(s, position);
    }
    T* saved(ptrdiff_t s, ptrdiff_t position) const {
        return job.saved ? job.saved + (s * job.batch + position) * saved_row() : nullptr;
    }
    ptrdiff_t saved_row() const { return TIDEGATE_LEVEL::saved_row(units, cell); }
    const T* x(ptrdiff_t s, ptrdiff_t position) const {
        return job.x.at(job.row_of(position), std::max<ptrdiff_t>(0, job.time_of(position, s)));
    }

    void copy_in(T* to, const T* from, ptrdiff_t first_block, ptrdiff_t last_block) const {
        for (ptrdiff_t block = first_block; block < last_block; ++block) {
            const auto valid = static_cast<int>(units.in_block(block));
            store(to + (block - first_block) * L, from ? load_part<Vec<T>>(from + block * L, valid) : Vec<T>{});
        }
    }
    void copy_out(T* to, const T* from, ptrdiff_t first_block, ptrdiff_t last_block) const {
        for (ptrdiff_t block = first_block; block < last_block; ++block)
            store_part(to + block * L, load<Vec<T>>(from + (block - first_block) * L),
                       static_cast<int>(units.in_block(block)));
    }

    int extras() const { return cell.weights + cell.constants; }

    // The weights padded to whole blocks, for pointwise code to load, and a row of zeros.
    T* pad_weights(Workspace& workspace) const {
        return workspace.take<T>(static_cast<std::size_t>((extras() + 1) * width));
    }
    void fill_weights(T* padded) const {
        for (int i = 0; i <= extras(); ++i) copy_in(padded + i * width, i < extras() ? job.weights[i] : nullptr, 0, blocks);
    }

    // Room for what `tile` copies: kChunk rows of each sequence and, where steps may begin anew, of each state.
    T* copies(Workspace& workspace) const {
        const ptrdiff_t rows = (cell.sequences + (job.resets ? cell.states : 0)) * kChunk;
        return workspace.take<T>(static_cast<std::size_t>(rows * width));
    }

    // A tile of `rows` positions from the part's `row`-th on, and blocks from `block` to `last`.
    Tile<T> tile(const Partition& part, ptrdiff_t s, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t block, ptrdiff_t last,
                 const T* padded, T* copies) const {
        const ptrdiff_t position = part.first + row * part.stride;
        Tile<T> at{};
        at.rows = rows, at.blocks = last - block, at.units = job.units;
        at.state_row = at.prev_row = part.stride * width;
        for (int k = 0; k < cell.states; ++k) {
            at.prev[k] = state(k, s, position) + block * L;
            at.next[k] = state(k, s + 1, position) + block * L;
        }
        if (job.saved) at.saved = saved(s, position) + block * cell.slots * L;
        at.saved_row = part.stride * saved_row();
        for (int i = 0; i < extras(); ++i) at.w[i] = padded + i * width + block * L;
        for (int i = 0; i < cell.sequences; ++i) {
            T* to = copies + i * kChunk * width;
            for (ptrdiff_t r = 0; r < rows; ++r) {
                const ptrdiff_t p = position + r * part.stride;
                const Strided<const T>& from = job.sequences[i];
                const T* source = from.data ? from.at(job.row_of(p), job.time_of(p, s)) : nullptr;
                copy_in(to + r * width, source, block, last);
            }
            at.w[extras() + i] = to, at.w_row[extras() + i] = width;
        }
        if (job.resets) begin_anew(at, s, position, part.stride, copies + cell.sequences * kChunk * width);
        return at;
    }

    // Let a tile read zeros where its rows begin anew: in a copy, for the states themselves are what came before.
    void begin_anew(Tile<T>& at, ptrdiff_t s, ptrdiff_t position, ptrdiff_t stride, T* copy) const {
        bool any = false;
        for (ptrdiff_t r = 0; r < at.rows; ++r) any = any || job.begins(position + r * stride, s);
        if (!any) return;
        for (int k = 0; k < cell.states; ++k, copy += kChunk * width) {
            for (ptrdiff_t r = 0; r < at.rows; ++r) {
                if (job.begins(position + r * stride, s)) std::fill_n(copy + r * width, at.blocks * L, T{});
                else std::copy_n(at.prev[k] + r * at.prev_row, at.blocks * L, copy + r * width);
            }
            at.prev[k] = copy;
        }
        at.prev_row = width;
    }

    // Blocks in a tile: whole panels, of several blocks where few rows leave registers free.
    ptrdiff_t group(ptrdiff_t rows) const {
        if (cell.whole) return blocks;
        if (rows <= kRows / 2) return kFewRows;
        for (ptrdiff_t size = 1; size < kAlign; size *= 2)
            if (size * cell.gates % kWidth == 0 && size * cell.h_gates % kWidth == 0) return size;
        return kAlign;
    }

    // Registers of one gate in a tile's scratch memory, and no tile has more.
    ptrdiff_t most_registers() const {
        const ptrdiff_t few = std::min<ptrdiff_t>(job.batch, kRows / 2) * (cell.whole ? blocks : kFewRows);
        return std::max(few, std::min(kChunk, job.batch) * (cell.whole ? blocks : kAlign));
    }

    template <class F> void each_tile(const Partition& part, ptrdiff_t rows, F f) const {
        const ptrdiff_t step = group(rows);
        for (ptrdiff_t block = part.first_block; block < part.last_block; block += step) {
            const ptrdiff_t last = std::min(part.last_block, block + step);
            for_tiles(rows, kChunk, [&](ptrdiff_t row, ptrdiff_t count) { f(row, count, block, last); });
        }
    }

    Pattern pattern() const { return {job.pattern, job.units}; }

    const Job<T>& job;
    const Cell<T>& cell;
    const Units<T> units;
    const ptrdiff_t blocks, width;
};

// The panels that hold the blocks from `block` to `last`.
template <class T> std::pair<ptrdiff_t, ptrdiff_t> panels_of_blocks(ptrdiff_t block, ptrdiff_t last, Columns<T> columns) {
    const ptrdiff_t end = std::min(last * columns.gates, columns.count());
    return {block * columns.gates / kWidth, (end + kWidth - 1) / kWidth};
}

}  // namespace tidegate::TIDEGATE_LEVEL
