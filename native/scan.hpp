// The loop over time, for any cell: what forward and backward share.
#pragma once

#include "job.hpp"
#include "weights.hpp"
#include "workspace.hpp"

namespace tidegate::TIDEGATE_LEVEL {

constexpr long kChunk = 4 * kRows;       // rows of the batch that go through a panel together
constexpr long kAlign = 4;               // blocks of units that always are whole panels
constexpr long kFewRows = 4 * kWidth;    // blocks in a tile of few rows: as many panels as it takes, of one gate

// Elements from one row of a plane of states to the next, and of the record. Where it were a large power of two, all rows
// would fall into few sets of the cache.
template <class T> long state_row(Units<T> units) {
    return units.padded() + (units.padded() * long{sizeof(T)} % 1024 == 0 ? units.lanes : 0);
}
template <class T> long record_row(Units<T> units, const Cell<T>& cell) {
    const long registers = units.blocks() * cell.slots;
    return (registers + (registers % 16 == 0)) * units.lanes;
}

// The part of a job that one thread does: every n-th position, or a range of blocks of all of them.
struct Share {
    long first, stride, first_block, last_block;
    bool alone;                          // no other thread reads what this one writes within a step
};

template <class T> class Scan {
public:
    static constexpr long L = kLanes<T>;

    Scan(const Job<T>& job, const Cell<T>& cell)
        : job(job), cell(cell), units{job.units}, blocks(units.blocks()), width(state_row(units)) {}

    // Rows need no barrier, but every thread reads all weights, so they should fit its own cache.
    int threads() const {
        const double step = double(cell.h_gates) * double(job.units) * double(job.units) +
                            double(cell.gates) * double(job.units) * double(job.inputs);
        if (job.threads < 2 || step * double(job.batch) * double(job.time) < 3e5) return 1;
        if (by_rows()) return static_cast<int>(std::min<long>(job.threads, job.batch));
        if (cell.whole || step * double(job.batch) < 6e4) return 1;
        return static_cast<int>(std::min<long>(job.threads, (blocks + kAlign - 1) / kAlign));
    }

    bool by_rows() const {
        const double bytes = double(cell.h_gates) * double(job.units) * double(job.units) * sizeof(T);
        return job.batch >= job.threads && (cell.whole || bytes < 1.2e6 || blocks < job.threads * kAlign);
    }

    Share share(const Team& team) const {
        if (team.count == 1) return {0, 1, 0, blocks, true};
        if (by_rows()) return {team.id, team.count, 0, blocks, true};
        const long groups = (blocks + kAlign - 1) / kAlign;
        const long from = groups * team.id / team.count, to = groups * (team.id + 1) / team.count;
        return {0, 1, from * kAlign, std::min(blocks, to * kAlign), false};
    }

    // How many of a share's positions have a step s; they are the first ones.
    long active(const Share& share, long s) const {
        long count = (job.batch - share.first + share.stride - 1) / share.stride;
        if (job.lengths)
            while (count > 0 && job.lengths[share.first + (count - 1) * share.stride] <= s) --count;
        return count;
    }

    T* state(int k, long s, long position) const {
        return job.states[k] + ((job.every[k] ? s : s & 1) * job.batch + position) * width;
    }
    // What U multiplies: the first state, or that under its mask.
    T* reads(long s, long position) const {
        if (!job.masked) return state(0, s, position);
        return job.masked + ((job.every[0] ? s : s & 1) * job.batch + position) * width;
    }
    T* record(long s, long position) const {
        return job.record ? job.record + (s * job.batch + position) * record_row() : nullptr;
    }
    long record_row() const { return TIDEGATE_LEVEL::record_row(units, cell); }
    const T* x(long s, long position) const {
        return job.x.at(job.row_of(position), std::max(0L, job.time_of(position, s)));
    }

    void copy_in(T* to, const T* from, long first_block, long last_block) const {
        for (long block = first_block; block < last_block; ++block) {
            const auto valid = static_cast<int>(units.in_block(block));
            store(to + (block - first_block) * L, from ? load_part<Vec<T>>(from + block * L, valid) : Vec<T>{});
        }
    }
    void copy_out(T* to, const T* from, long first_block, long last_block) const {
        for (long block = first_block; block < last_block; ++block)
            store_part(to + block * L, load<Vec<T>>(from + (block - first_block) * L),
                       static_cast<int>(units.in_block(block)));
    }

    int extras() const { return cell.weights + cell.constants; }

    // The weights padded to whole blocks, for pointwise code to load.
    T* pad_weights(Workspace& workspace) const { return workspace.take<T>(static_cast<std::size_t>(extras() * width)); }
    void fill_weights(T* padded) const {
        for (int i = 0; i < extras(); ++i) copy_in(padded + i * width, job.weights[i], 0, blocks);
    }

    // A tile of `rows` positions from the share's `row`-th on, and blocks from `block` to `last`; the sequences' rows go
    // to `sequences`, which has room for kChunk rows of each.
    Tile<T> tile(const Share& share, long s, long row, long rows, long block, long last, const T* padded,
                 T* sequences) const {
        const long position = share.first + row * share.stride;
        Tile<T> at{};
        at.rows = rows, at.blocks = last - block, at.units = job.units;
        at.state_row = share.stride * width;
        for (int k = 0; k < cell.states; ++k) {
            at.prev[k] = state(k, s, position) + block * L;
            at.next[k] = state(k, s + 1, position) + block * L;
        }
        if (job.record) at.record = record(s, position) + block * cell.slots * L;
        at.record_row = share.stride * record_row();
        for (int i = 0; i < extras(); ++i) at.w[i] = padded + i * width + block * L;
        for (int i = 0; i < cell.sequences; ++i) {
            T* to = sequences + i * kChunk * width;
            for (long r = 0; r < rows; ++r) {
                const long p = position + r * share.stride;
                const Strided<const T>& from = job.sequences[i];
                const T* source = from.data ? from.at(job.row_of(p), job.time_of(p, s)) : nullptr;
                copy_in(to + r * width, source, block, last);
            }
            at.w[extras() + i] = to, at.w_row[extras() + i] = width;
        }
        return at;
    }

    // Blocks in a tile: whole panels, of several blocks where few rows leave registers free.
    long group(long rows) const {
        if (cell.whole) return blocks;
        if (rows <= kRows / 2) return kFewRows;
        for (long size = 1; size < kAlign; size *= 2)
            if (size * cell.gates % kWidth == 0 && size * cell.h_gates % kWidth == 0) return size;
        return kAlign;
    }

    // Registers of one gate in a tile's room, and no tile has more.
    long most_registers() const {
        const long few = std::min<long>(job.batch, kRows / 2) * (cell.whole ? blocks : kFewRows);
        return std::max(few, std::min(kChunk, job.batch) * (cell.whole ? blocks : kAlign));
    }

    template <class F> void each_tile(const Share& share, long rows, F f) const {
        const long step = group(rows);
        for (long block = share.first_block; block < share.last_block; block += step) {
            const long last = std::min(share.last_block, block + step);
            for_tiles(rows, kChunk, [&](long row, long count) { f(row, count, block, last); });
        }
    }

    Pattern pattern() const { return {job.pattern, job.units}; }

    const Job<T>& job;
    const Cell<T>& cell;
    const Units<T> units;
    const long blocks, width;
};

// The panels that hold columns (block, gate) from `block` to `last`.
inline std::pair<long, long> panels_of_blocks(long block, long last, int gates) {
    return {block * gates / kWidth, (last * gates + kWidth - 1) / kWidth};
}

}  // namespace tidegate::TIDEGATE_LEVEL
