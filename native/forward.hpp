// Forward: W x and U h on register tiles, the cell's pointwise step while they are in the cache, one step at a time.
#pragma once

#include "scan.hpp"

namespace tidegate::TIDEGATE_LEVEL {

template <class T> class Forward : Scan<T> {
    using Scan<T>::job, Scan<T>::cell, Scan<T>::units, Scan<T>::blocks, Scan<T>::width, Scan<T>::L;

public:
    Forward(const Job<T>& job, const Cell<T>& cell)
        : Scan<T>(job, cell),
          layout_w_(forward_layout(units, cell.gates, job.inputs, Pattern{nullptr, 0})),
          layout_u_(forward_layout(units, cell.h_gates, job.units, this->pattern())),
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
    void start() { prepare(kAlone, this->share(kAlone)); }
    void advance(long s) {
        const Share share = this->share(kAlone);
        Hoisted hoisted{s, s, 0};
        advance(share, s, job.batch, hoisted, room_[0]);
    }

private:
    static constexpr Team kAlone{0, 1, nullptr, nullptr};
    static constexpr long kMany = 16 * kRows;    // rows that make reading a panel worth it
    static constexpr long kHoisted = 128 << 10;  // bytes of W x that stay in a core's own cache
    static constexpr long kLargest = 512 << 10;  // bytes of W that stay there from one step to the next

    struct Room {
        T *zx, *zh, *sequences, *spill;
    };
    struct Hoisted {
        long from, to, rows;
    };

    void lay_out(Workspace& workspace) {
        w_ = {&layout_w_, workspace.template take<T>(static_cast<std::size_t>(layout_w_.size * L))};
        u_ = {&layout_u_, workspace.template take<T>(static_cast<std::size_t>(layout_u_.size * L))};
        bias_w_ = workspace.template take<T>(static_cast<std::size_t>(layout_w_.columns * L));
        bias_u_ = workspace.template take<T>(static_cast<std::size_t>(layout_u_.columns * L));
        padded_ = this->pad_weights(workspace);
        const long registers = this->most_registers();
        zx_size_ = hoists() ? hoisted_steps() * job.batch * hoisted_row() : registers * cell.gates * L;
        room_.clear();
        for (int i = 0; i < threads_; ++i)
            room_.push_back({workspace.template take<T>(static_cast<std::size_t>(zx_size_)),
                             workspace.template take<T>(static_cast<std::size_t>(registers * cell.h_gates * L)),
                             workspace.template take<T>(static_cast<std::size_t>(cell.sequences * kChunk * width)),
                             workspace.template take<T>(static_cast<std::size_t>(cell.spill * blocks * L))});
    }

    // With few rows a panel of W would be read for little work: then many steps go through it together.
    bool hoists() const {
        return job.batch < kRows * threads_ ||
               (job.batch < kMany && layout_w_.size * L * long{sizeof(T)} > kLargest);
    }
    long hoisted_steps() const {
        const long fitting = kHoisted / long{sizeof(T)} / (job.batch * hoisted_row());
        return std::clamp(std::max(fitting, kMany / job.batch), 1L, job.time);
    }
    long hoisted_row() const { return layout_w_.columns * L; }

    void run(const Team& team) {
        const Share share = this->share(team);
        prepare(team, share);
        team.together();
        const Room& room = room_[static_cast<std::size_t>(team.id)];
        Hoisted hoisted{0, 0, 0};
        for (long s = 0; s < job.time; ++s) {
            const long rows = this->active(share, s);
            if (rows == 0) break;
            advance(share, s, rows, hoisted, room);
            if (!share.alone) team.together();
        }
        give_last(share);
    }

    void advance(const Share& share, long s, long rows, Hoisted& hoisted, const Room& room) {
        if (hoists() && s == hoisted.to) {
            hoisted = {s, s + std::min(std::max(1L, job.time - s), hoisted_steps()), rows};
            hoist(share, hoisted, room);
        }
        const T* zx = hoists() ? room.zx + (s - hoisted.from) * hoisted.rows * hoisted_row() : nullptr;
        this->each_tile(share, rows, [&](long row, long count, long block, long last) {
            step(share, s, row, count, block, last, zx, room);
        });
    }

    void prepare(const Team& team, const Share& share) {
        for (long panel = team.id; panel < layout_w_.panels; panel += team.count)
            pack_panel(w_, units, cell.gates, panel, job.w_ih, job.inputs);
        for (long panel = team.id; panel < layout_u_.panels; panel += team.count)
            pack_panel(u_, units, cell.h_gates, panel, job.w_hh, job.units);
        if (team.id == 0) {
            pack_bias(bias_w_, job.b_ih, cell.gates);
            pack_bias(bias_u_, job.b_hh, cell.h_gates);
            this->fill_weights(padded_);
        }
        for (long p = share.first; p < job.batch; p += share.stride) {
            for (int k = 0; k < cell.states; ++k) {
                const T* from = job.state[k] ? job.state[k] + this->job.row_of(p) * job.units : nullptr;
                this->copy_in(this->state(k, 0, p) + share.first_block * L, from, share.first_block, share.last_block);
            }
            if (job.masked) mask(0, p, share.first_block, share.last_block);
        }
    }

    void pack_bias(T* to, const T* bias, int gates) const {
        for (long column = 0; column < blocks * gates; ++column) {
            const long block = column / gates, row = column % gates * job.units + block * L;
            store(to + column * L,
                  bias ? load_part<Vec<T>>(bias + row, static_cast<int>(units.in_block(block))) : Vec<T>{});
        }
    }

    void hoist(const Share& share, const Hoisted& steps, const Room& room) const {
        const T* x_rows[kMany];
        const long rows = steps.rows;
        const auto panels = panels_of_blocks(share.first_block, share.last_block, cell.gates);
        const long column = panels.first * kWidth * L;
        for_tiles((steps.to - steps.from) * rows, kMany, [&](long flat, long count) {
            for (long i = 0; i < count; ++i)
                x_rows[i] = this->x(steps.from + (flat + i) / rows, share.first + (flat + i) % rows * share.stride);
            product<T>(x_rows, count, w_, panels.first, panels.second, bias_w_ + column, 0, room.zx + flat * hoisted_row() + column,
                       hoisted_row());
        });
    }

    void step(const Share& share, long s, long row, long rows, long block, long last, const T* zx, const Room& room) {
        Tile<T> at = this->tile(share, s, row, rows, block, last, padded_, room.sequences);
        const T *x_rows[kChunk], *h_rows[kChunk];
        for (long i = 0; i < rows; ++i) {
            const long position = share.first + (row + i) * share.stride;
            x_rows[i] = this->x(s, position);
            h_rows[i] = this->reads(s, position);
        }
        if (zx) {
            at.zx = zx + row * hoisted_row() + block * cell.gates * L, at.zx_row = hoisted_row();
        } else {
            at.zx = room.zx, at.zx_row = (last - block) * cell.gates * L;
            multiply(x_rows, rows, w_, bias_w_, cell.gates, block, last, room.zx, at.zx_row);
        }
        at.zh = room.zh, at.zh_row = (last - block) * cell.h_gates * L;
        multiply(h_rows, rows, u_, bias_u_, cell.h_gates, block, last, room.zh, at.zh_row);
        at.spill = room.spill;
        cell.forward(at);
        for (long i = 0; i < rows; ++i)
            give_step(s, share.first + (row + i) * share.stride, block, last);
    }

    static void multiply(const T* const* rows, long count, const Packed<T>& matrix, const T* bias, int gates,
                         long block, long last, T* out, long out_row) {
        const auto [first, end] = panels_of_blocks(block, last, gates);
        product<T>(rows, count, matrix, first, end, bias + first * kWidth * L, 0, out, out_row);
    }

    void give_step(long s, long position, long block, long last) const {
        if (job.masked) mask(s + 1, position, block, last);
        for (int k = 0; k < cell.states; ++k)
            if (job.y[k].data)
                this->copy_out(job.y[k].at(job.row_of(position), job.time_of(position, s)),
                               this->state(k, s + 1, position) + block * L, block, last);
    }

    void mask(long s, long position, long block, long last) const {
        const T *h = this->state(0, s, position), *kept = job.h_mask + job.row_of(position) * job.units;
        T* to = this->reads(s, position);
        for (long b = block; b < last; ++b)
            store(to + b * L,
                  load<Vec<T>>(h + b * L) * load_part<Vec<T>>(kept + b * L, static_cast<int>(units.in_block(b))));
    }

    void give_last(const Share& share) const {
        for (int k = 0; k < cell.states; ++k) {
            if (!job.last[k]) continue;
            for (long p = share.first; p < job.batch; p += share.stride)
                this->copy_out(job.last[k] + job.row_of(p) * job.units,
                               this->state(k, job.length_of(p), p) + share.first_block * L, share.first_block,
                               share.last_block);
        }
    }

    const Layout layout_w_, layout_u_;
    const int threads_;
    long zx_size_ = 0;
    Packed<T> w_{}, u_{};
    T *bias_w_ = nullptr, *bias_u_ = nullptr, *padded_ = nullptr;
    std::vector<Room> room_;
    Workspace workspace_;
};

}  // namespace tidegate::TIDEGATE_LEVEL
