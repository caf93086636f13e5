// Backward: the cell's derived step and dh += dz U, from the last step to the first; then the weights' gradients as
// products over all steps and rows at once.
#pragma once

#include "scan.hpp"

namespace tidegate::TIDEGATE_LEVEL {

// A gradient that is a sum over steps and rows of an outer product: of a row's numbers `a` with its gradients `dz`.
// It has the layout of the packed matrix that it is the gradient of. Threads share out its elements and never its terms,
// so that the order of every sum, and with it every bit, is the same on any number of threads.
template <class T> struct OuterSum {
    Layout layout;
    std::vector<ptrdiff_t> offsets;           // of each column, in a row of `dz`
    Packed<T> sums{};

    OuterSum(Columns<T> columns, ptrdiff_t depth, Pattern pattern, int slots)
        : layout(forward_layout(columns, depth, pattern)) {
        for (ptrdiff_t column = 0; column < layout.columns; ++column) offsets.push_back(columns.offset(column, slots));
    }

    // Add terms to those elements of a panel that are thread `id`'s of `count`. With `scratch` their columns are gathered
    // there first, unless `there` says that they are.
    void add(ptrdiff_t panel, Terms<T> terms, bool first, int id, int count, T* scratch, bool& there) const {
        const ptrdiff_t from = layout.size * id / count, to = layout.size * (id + 1) / count;
        const int width = layout.width(panel);
        const auto& tiles = scratch ? kTiles<T>.ready_gradient : kTiles<T>.gradient;
        terms.offsets = offsets.data() + panel * kWidth, terms.gathered = scratch;
        ptrdiff_t item = layout.offset(panel);
        for (const Run *run = layout.runs_of(panel), *end = layout.runs_end(panel); run != end && item < to; ++run) {
            for_tiles(run->count, kRows, [&](ptrdiff_t k, ptrdiff_t tile_rows) {
                if (item >= from && item < to) {
                    if (scratch && !there) gather(terms, width, scratch);
                    there = true, terms.k = run->from + k;
                    tiles[static_cast<std::size_t>(tile_rows - 1)][static_cast<std::size_t>(width - 1)](
                        terms, sums.data + item * kLanes<T>, !first);
                }
                item += tile_rows * width;
            });
        }
    }

private:
    static void gather(const Terms<T>& terms, int width, T* to) {
        for (ptrdiff_t row = 0; row < terms.rows; ++row)
            for (int w = 0; w < width; ++w, to += kLanes<T>) store(to, load<Vec<T>>(terms.b[row] + terms.offsets[w]));
    }
};

template <class T> class Backward : Scan<T> {
    using Scan<T>::job, Scan<T>::cell, Scan<T>::units, Scan<T>::blocks, Scan<T>::width, Scan<T>::L;

public:
    Backward(const Job<T>& job, const Cell<T>& cell)
        : Scan<T>(job, cell),
          inputs_{job.inputs},
          columns_w_(units, cell.gates, true, cell.x_slot),
          columns_u_(units, cell.h_gates, !job.pattern),
          layout_u_(transposed_layout(units, kInOrder.data(), cell.h_gates, cell.slots, units, this->pattern())),
          layout_w_(transposed_layout(units, cell.x_slot, cell.gates, cell.slots, inputs_, Pattern{nullptr, 0})),
          dw_(columns_w_, job.inputs, Pattern{nullptr, 0}, cell.slots),
          du_(columns_u_, job.units, this->pattern(), cell.slots),  // gate i that reads h is in slot i
          threads_(Scan<T>::threads()),
          workspace_([this] {
              Workspace measure;
              lay_out(measure);
              return measure.used();
          }()) {
        lay_out(workspace_);
    }

    void run() {
        runtime->run_team(threads_, [](void* self, const Team& team) { static_cast<Backward*>(self)->run(team); }, this);
    }

private:
    static constexpr ptrdiff_t kMany = 16 * kRows;  // rows of dx that are done together
    static constexpr ptrdiff_t kPacked = 128;       // numbers of x and h that make packing them worth it

    struct Scratch {
        T *copies, *spill, *out, *xs, *hs, *columns;
    };

    void lay_out(Workspace& workspace) {
        const auto take = [&](ptrdiff_t count) { return workspace.template take<T>(static_cast<std::size_t>(count)); };
        u_ = {&layout_u_, take(layout_u_.size * L)};
        w_ = {&layout_w_, take(job.dx.data ? layout_w_.size * L : 0)};
        dw_.sums = {&dw_.layout, take(dw_.layout.size * L)};
        du_.sums = {&du_.layout, take(du_.layout.size * L)};
        biases_ = take(blocks * cell.gradients * L);
        padded_ = this->pad_weights(workspace);
        for (int k = 0; k < cell.states; ++k) d_[k] = take(job.batch * width);
        scratch_.clear();
        for (int i = 0; i < threads_; ++i)
            scratch_.push_back({this->copies(workspace), take(cell.spill * blocks * L),
                             take(std::max(kChunk * width, kMany * inputs_.padded())),
                             take(packs_terms() * job.inputs * kTermsApart),
                             take(packs_terms() * job.units * kTermsApart),
                             packs_terms() ? take(kTerms * kWidth * L) : nullptr});
    }

    void run(const Team& team) {
        const Partition part = this->partition(team);
        const Scratch& scratch = scratch_[static_cast<std::size_t>(team.id)];
        prepare(team, part);
        team.synchronise();
        for (ptrdiff_t s = job.time - 1; s >= 0; --s) {
            const ptrdiff_t rows = this->active(part, s);
            if (rows == 0 && part.alone) continue;
            this->each_tile(part, rows, [&](ptrdiff_t row, ptrdiff_t count, ptrdiff_t block, ptrdiff_t last) {
                step(part, s, row, count, block, last, scratch);
            });
            if (!part.alone) team.synchronise();
            for_tiles(rows, kChunk, [&](ptrdiff_t row, ptrdiff_t count) { pass_back(part, s, row, count, scratch); });
            if (job.resets) forget(part, s, rows);
        }
        write_state(part);
        team.synchronise();
        if (job.dx.data) write_dx(team, scratch);
        write_sequences(team);
        sum_up(team, scratch);
        team.synchronise();
        write_weights(team);
    }

    void prepare(const Team& team, const Partition& part) {
        for (ptrdiff_t panel = team.id; panel < layout_u_.panels; panel += team.count)
            pack_transposed_panel(u_, units, cell.h_gates, units, this->pattern(), panel, job.w_hh);
        for (ptrdiff_t panel = team.id; job.dx.data && panel < layout_w_.panels; panel += team.count)
            pack_transposed_panel(w_, units, cell.gates, inputs_, Pattern{nullptr, 0}, panel, job.w_ih);
        if (team.id == 0) this->fill_weights(padded_);
        for (ptrdiff_t p = part.first; p < job.batch; p += part.stride) {
            for (int k = 0; k < cell.states; ++k) {
                const T* from = job.dlast[k] ? job.dlast[k] + job.row_of(p) * job.units : nullptr;
                this->copy_in(d(k, p) + part.first_block * L, from, part.first_block, part.last_block);
            }
        }
    }

    T* d(int k, ptrdiff_t position) const { return d_[k] + position * width; }

    void step(const Partition& part, ptrdiff_t s, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t block, ptrdiff_t last,
              const Scratch& scratch) {
        Tile<T> at = this->tile(part, s, row, rows, block, last, padded_, scratch.copies);
        for (int k = 0; k < cell.states; ++k) at.d[k] = d(k, part.first + row * part.stride) + block * L;
        at.spill = scratch.spill;
        for (ptrdiff_t i = 0; i < rows; ++i) add_dy(s, part.first + (row + i) * part.stride, block, last);
        cell.backward(at);
        if (last == blocks) close_up(at);
    }

    void add_dy(ptrdiff_t s, ptrdiff_t position, ptrdiff_t block, ptrdiff_t last) const {
        for (int k = 0; k < cell.states; ++k) {
            if (!job.dy[k].data) continue;
            const T* from = job.dy[k].at(job.row_of(position), job.time_of(position, s));
            T* to = d(k, position);
            for (ptrdiff_t b = block; b < last; ++b)
                store(to + b * L, load<Vec<T>>(to + b * L) +
                                      load_part<Vec<T>>(from + b * L, static_cast<int>(units.in_block(b))));
        }
    }

    // Leave the slots of a last block that is not full where `gradient_at` says.
    void close_up(const Tile<T>& at) const {
        const ptrdiff_t valid = units.in_block(blocks - 1);
        if (valid == L) return;
        for (ptrdiff_t row = 0; row < at.rows; ++row) {
            T* slots = at.saved + row * at.saved_row + (at.blocks - 1) * cell.slots * L;
            for (int slot = 1; slot < cell.gradients; ++slot) store(slots + slot * valid, load<Vec<T>>(slots + slot * L));
        }
    }

    // The gradient that reaches the states before step s through U.
    void pass_back(const Partition& part, ptrdiff_t s, ptrdiff_t row, ptrdiff_t rows, const Scratch& scratch) const {
        if (layout_u_.panels == 0 || (s == 0 && !job.dstate[0])) return;
        const T* dz[kChunk];
        for (ptrdiff_t i = 0; i < rows; ++i) dz[i] = this->saved(s, part.first + (row + i) * part.stride);
        const ptrdiff_t first = part.first_block / layout_u_.across;
        const ptrdiff_t last = (part.last_block + layout_u_.across - 1) / layout_u_.across;
        const ptrdiff_t column = part.first_block * L;
        T* to = d(0, part.first + row * part.stride) + column;
        if (!job.h_mask) return product<T>(dz, rows, u_, first, last, to, part.stride * width, to, part.stride * width);
        product<T>(dz, rows, u_, first, last, nullptr, 0, scratch.out + column, width);
        for (ptrdiff_t i = 0; i < rows; ++i) {
            const T* kept = job.h_mask + job.row_of(part.first + (row + i) * part.stride) * job.units;
            T* sum = to + i * part.stride * width;
            for (ptrdiff_t b = part.first_block; b < part.last_block; ++b, sum += L)
                store(sum, load<Vec<T>>(sum) +
                               load<Vec<T>>(scratch.out + i * width + b * L) *
                                   load_part<Vec<T>>(kept + b * L, static_cast<int>(units.in_block(b))));
        }
    }

    // What came before a step that begins anew gets no gradient from it.
    void forget(const Partition& part, ptrdiff_t s, ptrdiff_t rows) const {
        for (ptrdiff_t p = part.first; p < part.first + rows * part.stride; p += part.stride)
            for (int k = 0; job.begins(p, s) && k < cell.states; ++k)
                std::fill(d(k, p) + part.first_block * L, d(k, p) + part.last_block * L, T{});
    }

    void write_state(const Partition& part) const {
        for (int k = 0; k < cell.states; ++k) {
            if (!job.dstate[k]) continue;
            for (ptrdiff_t p = part.first; p < job.batch; p += part.stride)
                this->copy_out(job.dstate[k] + job.row_of(p) * job.units, d(k, p) + part.first_block * L,
                               part.first_block, part.last_block);
        }
    }

    void write_dx(const Team& team, const Scratch& scratch) const {
        const ptrdiff_t width = inputs_.padded();
        T* to[kMany];
        const T* dz[kMany];
        ptrdiff_t count = 0;
        const auto flush = [&] {
            product<T>(dz, count, w_, 0, layout_w_.panels, nullptr, 0, scratch.out, width);
            for (ptrdiff_t i = 0; i < count; ++i) {
                for (ptrdiff_t b = 0; b < inputs_.blocks(); ++b)
                    store_part(to[i] + b * L, load<Vec<T>>(scratch.out + i * width + b * L),
                               static_cast<int>(inputs_.in_block(b)));
            }
            count = 0;
        };
        for (ptrdiff_t s = team.id; s < job.time; s += team.count) {
            const ptrdiff_t active = this->active({0, 1, 0, blocks, true}, s);
            for (ptrdiff_t p = 0; p < active; ++p) {
                to[count] = job.dx.at(job.row_of(p), job.time_of(p, s)), dz[count] = this->saved(s, p);
                if (++count == kMany) flush();
            }
        }
        if (count > 0) flush();
    }

    void write_sequences(const Team& team) const {
        const int first = cell.gradients - cell.sequences;
        for (int i = 0; i < cell.sequences; ++i) {
            if (!job.dsequences[i].data) continue;
            for (ptrdiff_t s = team.id; s < job.time; s += team.count) {
                const ptrdiff_t active = this->active({0, 1, 0, blocks, true}, s);
                for (ptrdiff_t p = 0; p < active; ++p) {
                    const T* dz = this->saved(s, p);
                    T* to = job.dsequences[i].at(job.row_of(p), job.time_of(p, s));
                    for (ptrdiff_t b = 0; b < blocks; ++b)
                        store_part(to + b * L, load<Vec<T>>(dz + gradient_at(units, b, first + i, cell.slots)),
                                   static_cast<int>(units.in_block(b)));
                }
            }
        }
    }

    // With few numbers in a row, packing the terms of a sum takes longer than it saves.
    bool packs_terms() const { return job.inputs + job.units >= kPacked; }

    void sum_up(const Team& team, const Scratch& scratch) const {
        const T *xs[kTerms], *hs[kTerms], *dz[kTerms];
        const bool same = dw_.offsets == du_.offsets;
        ptrdiff_t count = 0;
        bool first = true;
        const auto add = [&] {
            if (packs_terms()) pack_terms(xs, count, job.inputs, scratch.xs), pack_terms(hs, count, job.units, scratch.hs);
            const Terms<T> x{count, 0, xs, dz, nullptr, scratch.xs, nullptr};
            const Terms<T> h{count, 0, hs, dz, nullptr, scratch.hs, nullptr};
            for (ptrdiff_t panel = 0; panel < std::max(dw_.layout.panels, du_.layout.panels); ++panel) {
                bool there = false;
                if (panel < dw_.layout.panels) dw_.add(panel, x, first, team.id, team.count, scratch.columns, there);
                there = there && same;
                if (panel < du_.layout.panels) du_.add(panel, h, first, team.id, team.count, scratch.columns, there);
            }
            add_biases(dz, count, first, team);
            count = 0, first = false;
        };
        for (ptrdiff_t s = 0; s < job.time; ++s) {
            const ptrdiff_t active = this->active({0, 1, 0, blocks, true}, s);
            for (ptrdiff_t p = 0; p < active; ++p) {
                xs[count] = this->x(s, p), hs[count] = this->reads(s, p, padded_), dz[count] = this->saved(s, p);
                if (++count == kTerms) add();
            }
        }
        if (count > 0 || first) add();
    }

    // Sums over all rows, of every gradient in `dz`: the biases, and the weights per unit.
    void add_biases(const T* const* dz, ptrdiff_t rows, bool first, const Team& team) const {
        const ptrdiff_t from = blocks * team.id / team.count, to = blocks * (team.id + 1) / team.count;
        if (from == to) return;
        T* sums = biases_ + from * cell.gradients * L;
        if (first) std::fill(sums, biases_ + to * cell.gradients * L, T{});
        ptrdiff_t row = 0;
        for (; row + 4 <= rows; row += 4) add_rows<4>(dz + row, sums, from, to);
        for (; row < rows; ++row) add_rows<1>(dz + row, sums, from, to);
    }

    template <int Rows> void add_rows(const T* const* dz, T* sum, ptrdiff_t from, ptrdiff_t to) const {
        for (ptrdiff_t block = from; block < to; ++block) {
            const ptrdiff_t end = block * cell.slots * L + cell.gradients * units.in_block(block);
            for (ptrdiff_t at = block * cell.slots * L; at < end; at += L, sum += L) {
                Vec<T> terms = load<Vec<T>>(dz[0] + at);
                for (int row = 1; row < Rows; ++row) terms += load<Vec<T>>(dz[row] + at);
                store(sum, load<Vec<T>>(sum) + terms);
            }
        }
    }

    void write_weights(const Team& team) const {
        for (ptrdiff_t panel = team.id; job.dw_ih && panel < dw_.layout.panels; panel += team.count)
            unpack_panel(dw_.sums, columns_w_, panel, job.dw_ih, job.inputs);
        for (ptrdiff_t panel = team.id; job.dw_hh && panel < du_.layout.panels; panel += team.count)
            unpack_panel(du_.sums, columns_u_, panel, job.dw_hh, job.units);
        if (team.id != 0) return;
        for (int gate = 0; gate < cell.gates; ++gate)
            if (job.db_ih) write_sum(cell.x_slot[gate], job.db_ih + gate * job.units);
        for (int gate = 0; gate < cell.h_gates; ++gate)
            if (job.db_hh) write_sum(gate, job.db_hh + gate * job.units);
        for (int i = 0; i < cell.weights; ++i)
            if (job.dweights[i]) write_sum(cell.gradients - cell.sequences - cell.weights + i, job.dweights[i]);
    }

    void write_sum(int slot, T* to) const {
        for (ptrdiff_t block = 0; block < blocks; ++block)
            store_part(to + block * L, load<Vec<T>>(biases_ + gradient_at(units, block, slot, cell.gradients)),
                       static_cast<int>(units.in_block(block)));
    }

    const Units<T> inputs_;
    const Columns<T> columns_w_, columns_u_;
    const Layout layout_u_, layout_w_;
    OuterSum<T> dw_, du_;
    const int threads_;
    Packed<T> u_{}, w_{};
    T *padded_ = nullptr, *biases_ = nullptr, *d_[kMostStates] = {};
    std::vector<Scratch> scratch_;
    Workspace workspace_;
};

}  // namespace tidegate::TIDEGATE_LEVEL
