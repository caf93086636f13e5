// A stack of layers, one step at a time, without an allocation: the weights are packed once, the states stay here.
#pragma once

#include <memory>

#include "forward.hpp"

namespace tidegate::TIDEGATE_LEVEL {

template <class T> class Session final : public Stepper<T> {
public:
    // Each layer's job says its sizes and weights; `noise` is what each sequence of noise is at every step.
    Session(const Job<T>* layers, int count, const Cell<T>& cell, const T* noise) : cell_(cell) {
        for (int i = 0; i < count; ++i) layers_.push_back(std::make_unique<Layer>(layers[i], cell_));
        for (auto& layer : layers_) {
            for (int k = 0; k < cell_.sequences; ++k) {
                if (cell_.below[k] >= 0) continue;
                layer->noise.emplace_back(static_cast<std::size_t>(layer->job.units), noise[k]);
                layer->job.sequences[k] = {layer->noise.back().data(), 0, 0};
            }
            layer->forward.start();
        }
    }

    void step(const T* x, T* y) override {
        struct Call {
            Session* self;
            const T* x;
        } call{this, x};
        runtime->run_team(1, [](void* argument, const Team&) {
            auto& [self, input] = *static_cast<Call*>(argument);
            self->advance(input);
        }, &call);
        ++steps_;
        read(static_cast<int>(layers_.size()) - 1, 0, y);
    }

    void read(int layer, int state, T* to) const override {
        const Job<T>& job = layers_[static_cast<std::size_t>(layer)]->job;
        for (ptrdiff_t p = 0; p < job.batch; ++p)
            std::copy_n(plane(layer, state, steps_) + p * width(job), job.units, to + p * job.units);
    }

    void write(int layer, int state, const T* from) override {
        const Job<T>& job = layers_[static_cast<std::size_t>(layer)]->job;
        for (ptrdiff_t p = 0; p < job.batch; ++p)
            std::copy_n(from + p * job.units, job.units, plane(layer, state, steps_) + p * width(job));
    }

private:
    struct Layer {
        Job<T> job;
        std::vector<T> planes;
        std::vector<std::vector<T>> noise;
        Forward<T> forward;

        Layer(const Job<T>& asked, const Cell<T>& cell)
            : job(with_one_step(asked)), planes(static_cast<std::size_t>(2 * cell.states * asked.batch * width(asked))),
              forward(job, cell) {
            for (int k = 0; k < cell.states; ++k) job.states[k] = planes.data() + 2 * k * job.batch * width(job);
        }
        static Job<T> with_one_step(Job<T> job) {
            job.time = 1, job.threads = 1;
            return job;
        }
    };

    static ptrdiff_t width(const Job<T>& job) { return state_row(Units<T>{job.units}); }

    T* plane(int layer, int state, ptrdiff_t s) const {
        const Job<T>& job = layers_[static_cast<std::size_t>(layer)]->job;
        return job.states[state] + (s & 1) * job.batch * width(job);
    }

    void advance(const T* x) {
        for (int i = 0; i < static_cast<int>(layers_.size()); ++i) {
            Layer& layer = *layers_[static_cast<std::size_t>(i)];
            layer.job.x = i == 0 ? Strided<const T>{x, layer.job.inputs, 0}
                                 : Strided<const T>{plane(i - 1, 0, steps_ + 1), width(layers_[0]->job), 0};
            for (int k = 0; k < cell_.sequences; ++k)
                if (i > 0 && cell_.below[k] >= 0)
                    layer.job.sequences[k] = {plane(i - 1, cell_.below[k], steps_ + 1), width(layer.job), 0};
            layer.forward.advance(steps_);
        }
    }

    const Cell<T> cell_;
    std::vector<std::unique_ptr<Layer>> layers_;
    ptrdiff_t steps_ = 0;
};

}  // namespace tidegate::TIDEGATE_LEVEL
