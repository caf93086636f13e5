// Forward: W x and U h on register tiles, the cell's pointwise step while they are in the cache, one step at a time.
#pragma once

#include "scan.hpp"

namespace tidegate::TIDEGATE_LEVEL {

template <class T> class Forward : Scan<T> {
    using Scan<T>::job, Scan<T>::cell, Scan<T>::units, Scan<T>::blocks, Scan<T>::width, Scan<T>::L;

public:
    Forward(const Job<T>& job, const Cell<T>& cell)
        : Scan<T>(job, cell),
          columns_w_(units, cell.gates, job.batch > kRows / 2),  // with few rows whole panels go together
          columns_u_(units, cell.h_gates, job.batch > kRows / 2 && !job.pattern),
          layout_w_(forward_layout(columns_w_, job.inputs, Pattern{nullptr, 0})),
          layout_u_(forward_layout(columns_u_, job.units, this->pattern())),
          threads_(Scan<T>::threads()),
          workspace_([this] {
              Workspace measure;
              lay_out(measure);
              return measure.used();
          }()) {
        lay_out(workspace_);
    }

    // All steps, on as many threads as are worth it.
    void run() {
        runtime->run_team(threads_, [](void* self, const Team& team) { static_cast<Forward*>(self)->run(team); }, this);
    }

    // Step by step on the caller's thread: the weights are read once, by `start`.
    void start() { prepare(kAlone, this->partition(kAlone)); }
    void advance(ptrdiff_t s) {
        const Partition part = this->partition(kAlone);
        Hoisted hoisted{s, s, 0};
        advance(part, s, job.batch, hoisted, scratch_[0]);
    }

private:
    static constexpr Team kAlone{0, 1, nullptr, nullptr};
    static constexpr ptrdiff_t kMany = 16 * kRows;    // rows that make reading a panel worth it
    static constexpr ptrdiff_t kHoisted = 128 << 10;  // bytes of W x that stay in a core's own cache
    static constexpr ptrdiff_t kLargest = 512 << 10;  // bytes of W that stay there from one step to the next

    struct Scratch {
        T *zx, *zh, *copies, *spill;
    };
    struct Hoisted {
        ptrdiff_t from, to, rows;
    };

    void lay_out(Workspace& workspace) {
        w_ = {&layout_w_, workspace.template take<T>(static_cast<std::size_t>(layout_w_.size * L))};
        u_ = {&layout_u_, workspace.template take<T>(static_cast<std::size_t>(layout_u_.size * L))};
        bias_w_ = workspace.template take<T>(static_cast<std::size_t>(layout_w_.columns * L));
        bias_u_ = workspace.template take<T>(static_cast<std::size_t>(layout_u_.columns * L));
        padded_ = this->pad_weights(workspace);
        const ptrdiff_t registers = this->most_registers();
        zx_size_ = hoists() ? hoisted_steps() * job.batch * hoisted_row() : registers * cell.gates * L;
        scratch_.clear();
        for (int i = 0; i < threads_; ++i)
            scratch_.push_back({workspace.template take<T>(static_cast<std::size_t>(zx_size_)),
                             workspace.template take<T>(static_cast<std::size_t>(registers * cell.h_gates * L)),
                             this->copies(workspace),
                             workspace.template take<T>(static_cast<std::size_t>(cell.spill * blocks * L))});
    }

    // With few rows a panel of W would be read for little work: then many steps go through it together.
    bool hoists() const {
        return job.batch < kRows * threads_ ||
               (job.batch < kMany && layout_w_.size * L * ptrdiff_t{sizeof(T)} > kLargest);
    }
    ptrdiff_t hoisted_steps() const {
        const ptrdiff_t fitting = kHoisted / ptrdiff_t{sizeof(T)} / (job.batch * hoisted_row());
        return std::clamp<ptrdiff_t>(std::max(fitting, kMany / job.batch), 1, job.time);
    }
    ptrdiff_t hoisted_row() const { return blocks * cell.gates * L; }

    void run(const Team& team) {
        const Partition part = this->partition(team);
        prepare(team, part);
        team.synchronise();
        const Scratch& scratch = scratch_[static_cast<std::size_t>(team.id)];
        Hoisted hoisted{0, 0, 0};
        for (ptrdiff_t s = 0; s < job.time; ++s) {
            const ptrdiff_t rows = this->active(part, s);
            if (rows == 0) break;
            advance(part, s, rows, hoisted, scratch);
            if (!part.alone) team.synchronise();
        }
        write_last(part);
    }

    void advance(const Partition& part, ptrdiff_t s, ptrdiff_t rows, Hoisted& hoisted, const Scratch& scratch) {
        if (hoists() && s == hoisted.to) {
            hoisted = {s, s + std::min(std::max<ptrdiff_t>(1, job.time - s), hoisted_steps()), rows};
            hoist(part, hoisted, scratch);
        }
        const T* zx = hoists() ? scratch.zx + (s - hoisted.from) * hoisted.rows * hoisted_row() : nullptr;
        this->each_tile(part, rows, [&](ptrdiff_t row, ptrdiff_t count, ptrdiff_t block, ptrdiff_t last) {
            step(part, s, row, count, block, last, zx, scratch);
        });
    }

    void prepare(const Team& team, const Partition& part) {
        for (ptrdiff_t panel = team.id; panel < layout_w_.panels; panel += team.count)
            pack_panel(w_, columns_w_, panel, job.w_ih, job.inputs);
        for (ptrdiff_t panel = team.id; panel < layout_u_.panels; panel += team.count)
            pack_panel(u_, columns_u_, panel, job.w_hh, job.units);
        if (team.id == 0) {
            pack_bias(bias_w_, job.b_ih, columns_w_);
            pack_bias(bias_u_, job.b_hh, columns_u_);
            this->fill_weights(padded_);
        }
        for (ptrdiff_t p = part.first; p < job.batch; p += part.stride) {
            for (int k = 0; k < cell.states; ++k) {
                const T* from = job.state[k] ? job.state[k] + this->job.row_of(p) * job.units : nullptr;
                this->copy_in(this->state(k, 0, p) + part.first_block * L, from, part.first_block, part.last_block);
            }
            if (job.masked) mask(0, p, part.first_block, part.last_block);
        }
    }

    static void pack_bias(T* to, const T* bias, const Columns<T>& columns) {
        for (ptrdiff_t column = 0; column < columns.count(); ++column)
            for (const ptrdiff_t row : columns.rows(column)) *to++ = bias && row >= 0 ? bias[row] : T{};
    }

    void hoist(const Partition& part, const Hoisted& steps, const Scratch& scratch) const {
        const T* x_rows[kMany];
        const ptrdiff_t rows = steps.rows;
        const auto panels = panels_of_blocks(part.first_block, part.last_block, columns_w_);
        const ptrdiff_t column = panels.first * kWidth * L;
        for_tiles((steps.to - steps.from) * rows, kMany, [&](ptrdiff_t flat, ptrdiff_t count) {
            for (ptrdiff_t i = 0; i < count; ++i)
                x_rows[i] = this->x(steps.from + (flat + i) / rows, part.first + (flat + i) % rows * part.stride);
            product<T>(x_rows, count, w_, panels.first, panels.second, bias_w_ + column, 0,
                       scratch.zx + flat * hoisted_row() + column, hoisted_row());
            if (columns_w_.packed && part.last_block == blocks)
                columns_w_.spread(scratch.zx + flat * hoisted_row() + columns_w_.apart() * L, count, hoisted_row());
        });
    }

    void step(const Partition& part, ptrdiff_t s, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t block, ptrdiff_t last,
              const T* zx, const Scratch& scratch) {
        Tile<T> at = this->tile(part, s, row, rows, block, last, padded_, scratch.copies);
        const T *x_rows[kChunk], *h_rows[kChunk];
        for (ptrdiff_t i = 0; i < rows; ++i) {
            const ptrdiff_t position = part.first + (row + i) * part.stride;
            x_rows[i] = this->x(s, position);
            h_rows[i] = this->reads(s, position, padded_);
        }
        if (zx) {
            at.zx = zx + row * hoisted_row() + block * cell.gates * L, at.zx_row = hoisted_row();
        } else {
            at.zx = scratch.zx, at.zx_row = (last - block) * cell.gates * L;
            multiply(x_rows, rows, w_, bias_w_, columns_w_, block, last, scratch.zx, at.zx_row);
        }
        at.zh = scratch.zh, at.zh_row = (last - block) * cell.h_gates * L;
        multiply(h_rows, rows, u_, bias_u_, columns_u_, block, last, scratch.zh, at.zh_row);
        at.spill = scratch.spill;
        cell.forward(at);
        for (ptrdiff_t i = 0; i < rows; ++i)
            write_step(s, part.first + (row + i) * part.stride, block, last);
    }

    void multiply(const T* const* rows, ptrdiff_t count, const Packed<T>& matrix, const T* bias, const Columns<T>& columns,
                  ptrdiff_t block, ptrdiff_t last, T* out, ptrdiff_t out_row) const {
        const auto [first, end] = panels_of_blocks(block, last, columns);
        product<T>(rows, count, matrix, first, end, bias + first * kWidth * L, 0, out, out_row);
        if (columns.packed && last == blocks) columns.spread(out + columns.apart() * L - first * kWidth * L, count, out_row);
    }

    void write_step(ptrdiff_t s, ptrdiff_t position, ptrdiff_t block, ptrdiff_t last) const {
        if (job.masked) mask(s + 1, position, block, last);
        for (int k = 0; k < cell.states; ++k)
            if (job.y[k].data)
                this->copy_out(job.y[k].at(job.row_of(position), job.time_of(position, s)),
                               this->state(k, s + 1, position) + block * L, block, last);
    }

    void mask(ptrdiff_t s, ptrdiff_t position, ptrdiff_t block, ptrdiff_t last) const {
        const T *h = this->state(0, s, position), *kept = job.h_mask + job.row_of(position) * job.units;
        T* to = this->reads(s, position);
        for (ptrdiff_t b = block; b < last; ++b)
            store(to + b * L,
                  load<Vec<T>>(h + b * L) * load_part<Vec<T>>(kept + b * L, static_cast<int>(units.in_block(b))));
    }

    void write_last(const Partition& part) const {
        for (int k = 0; k < cell.states; ++k) {
            if (!job.last[k]) continue;
            for (ptrdiff_t p = part.first; p < job.batch; p += part.stride)
                this->copy_out(job.last[k] + job.row_of(p) * job.units,
                               this->state(k, job.length_of(p), p) + part.first_block * L, part.first_block,
                               part.last_block);
        }
    }

    const Columns<T> columns_w_, columns_u_;
    const Layout layout_w_, layout_u_;
    const int threads_;
    ptrdiff_t zx_size_ = 0;
    Packed<T> w_{}, u_{};
    T *bias_w_ = nullptr, *bias_u_ = nullptr, *padded_ = nullptr;
    std::vector<Scratch> scratch_;
    Workspace workspace_;
};

}  // namespace tidegate::TIDEGATE_LEVEL
