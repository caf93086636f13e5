// Python's view of the engine: jobs of plain numbers and addresses. What the addresses point to is the caller's care.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <stdexcept>

#include "headers.inc"
#include "levels.hpp"
#include "memory_pool.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace tidegate {

namespace {

using Address = std::uintptr_t;
using Place = std::tuple<Address, ptrdiff_t, ptrdiff_t>;

template <class P> P to(Address address) { return reinterpret_cast<P>(address); }
template <class T> Strided<T> to_strided(const Place& place) {
    return {to<T*>(std::get<0>(place)), std::get<1>(place), std::get<2>(place)};
}

// An attribute that is set with an address, a place (address, row stride, step stride), or a list of these.
template <class T, class C, class P> void address(C& type, const char* name, P* Job<T>::* member) {
    type.def_prop_rw(name, [](const Job<T>&) { return nb::none(); },
                     [member](Job<T>& job, Address value) { job.*member = to<P*>(value); });
}
template <class T, class C, class P, std::size_t N> void addresses(C& type, const char* name, P* (Job<T>::*member)[N]) {
    type.def_prop_rw(name, [](const Job<T>&) { return nb::none(); },
                     [member](Job<T>& job, const std::vector<Address>& values) {
                         for (std::size_t i = 0; i < std::min(N, values.size()); ++i) (job.*member)[i] = to<P*>(values[i]);
                     });
}
template <class T, class C, class P> void place(C& type, const char* name, Strided<P> Job<T>::* member) {
    type.def_prop_rw(name, [](const Job<T>&) { return nb::none(); },
                     [member](Job<T>& job, const Place& value) { job.*member = to_strided<P>(value); });
}
template <class T, class C, class P, std::size_t N> void places(C& type, const char* name, Strided<P> (Job<T>::*member)[N]) {
    type.def_prop_rw(name, [](const Job<T>&) { return nb::none(); },
                     [member](Job<T>& job, const std::vector<Place>& values) {
                         for (std::size_t i = 0; i < std::min(N, values.size()); ++i)
                             (job.*member)[i] = to_strided<P>(values[i]);
                     });
}

template <class T> void bind_job(nb::module_& m, const char* name) {
    using J = Job<T>;
    nb::class_<J> type(m, name);
    type.def(nb::init<>());
    type.def_rw("batch", &J::batch).def_rw("time", &J::time).def_rw("inputs", &J::inputs).def_rw("units", &J::units);
    type.def_rw("reverse", &J::reverse).def_rw("threads", &J::threads);
    address<T>(type, "order", &J::order), address<T>(type, "lengths", &J::lengths);
    address<T>(type, "pattern", &J::pattern), address<T>(type, "h_mask", &J::h_mask);
    address<T>(type, "resets", &J::resets);
    address<T>(type, "w_ih", &J::w_ih), address<T>(type, "w_hh", &J::w_hh);
    address<T>(type, "b_ih", &J::b_ih), address<T>(type, "b_hh", &J::b_hh);
    address<T>(type, "saved", &J::saved), address<T>(type, "masked", &J::masked);
    address<T>(type, "dw_ih", &J::dw_ih), address<T>(type, "dw_hh", &J::dw_hh);
    address<T>(type, "db_ih", &J::db_ih), address<T>(type, "db_hh", &J::db_hh);
    addresses<T>(type, "weights", &J::weights), addresses<T>(type, "state", &J::state);
    addresses<T>(type, "states", &J::states), addresses<T>(type, "last", &J::last);
    addresses<T>(type, "dlast", &J::dlast), addresses<T>(type, "dstate", &J::dstate);
    addresses<T>(type, "dweights", &J::dweights);
    place<T>(type, "x", &J::x), places<T>(type, "y", &J::y), place<T>(type, "dx", &J::dx);
    places<T>(type, "sequences", &J::sequences), places<T>(type, "dsequences", &J::dsequences);
    places<T>(type, "dy", &J::dy);
    type.def_prop_rw("every", [](const J&) { return nb::none(); },
                     [](J& job, const std::vector<bool>& values) {
                         for (std::size_t k = 0; k < std::min(std::size_t{kMostStates}, values.size()); ++k)
                             job.every[k] = values[k];
                     });
}

// A cell together with the engine of the level that it was compiled for.
template <class T> struct Kernel {
    Cell<T> cell;
    const Engine<T>* engine;
};

// A live stack; the arrays that it reads and fills are the caller's.
template <class T> struct Session {
    std::unique_ptr<Stepper<T>> stack;

    Session(const Kernel<T>& kernel, const std::vector<Job<T>>& layers, const std::vector<T>& noise)
        : stack(kernel.engine->session(layers.data(), static_cast<int>(layers.size()), kernel.cell, noise.data())) {}
};

template <class T> void bind_session(nb::module_& m, const char* name) {
    using S = Session<T>;
    nb::class_<S>(m, name)
        .def(nb::init<const Kernel<T>&, const std::vector<Job<T>>&, const std::vector<T>&>())
        .def("step", [](S& self, Address x, Address y) { self.stack->step(to<const T*>(x), to<T*>(y)); })
        .def("read", [](const S& self, int layer, int state, Address into) {
            self.stack->read(layer, state, to<T*>(into));
        })
        .def("write", [](S& self, int layer, int state, Address from) {
            self.stack->write(layer, state, to<const T*>(from));
        });
}

template <class T> void bind_kernel(nb::module_& m, const char* name) {
    using K = Kernel<T>;
    nb::class_<K>(m, name)
        .def("state_row", [](const K& kernel, ptrdiff_t units) { return kernel.engine->state_row(units); })
        .def("saved_row", [](const K& kernel, ptrdiff_t units) { return kernel.engine->saved_row(units, kernel.cell); })
        .def("forward", [](const K& kernel, const Job<T>& job) { kernel.engine->forward(job, kernel.cell); },
             nb::call_guard<nb::gil_scoped_release>())
        .def("backward", [](const K& kernel, const Job<T>& job) { kernel.engine->backward(job, kernel.cell); },
             nb::call_guard<nb::gil_scoped_release>());
}

nb::tuple kernels(const Level& level, const Cell<float>& float32, const Cell<double>& float64) {
    return nb::make_tuple(Kernel<float>{float32, &level.float32}, Kernel<double>{float64, &level.float64});
}

nb::object built_in(const std::string& name, const std::string& cell) {
    const Level& level = load_level(name);
    for (std::size_t i = 0; i < level.count; ++i)
        if (level.cells[i].name == cell) return kernels(level, level.cells[i].float32, level.cells[i].float64);
    return nb::none();
}

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // the interpreter keeps kernels to its end
    m.doc() = "The native engine; only tidegate.engine.native uses it.";
    bind_job<float>(m, "JobFloat32");
    bind_job<double>(m, "JobFloat64");
    bind_kernel<float>(m, "KernelFloat32");
    bind_kernel<double>(m, "KernelFloat64");
    bind_session<float>(m, "SessionFloat32");
    bind_session<double>(m, "SessionFloat64");
    m.def("levels", &levels_here, "Names of the SIMD levels that run here, best first.");
    m.def("built_in", &built_in, "level"_a, "cell"_a, "A built-in cell's kernels for float32 and float64, or None.");
    m.def("compiled", [](const std::string& level, Address float32, Address float64) {
        return kernels(load_level(level), *to<const Cell<float>*>(float32), *to<const Cell<double>*>(float64));
    }, "level"_a, "float32"_a, "float64"_a, "Kernels from the addresses of the cells in a compiled library.");
    m.def("apply", [](const std::string& level, int function, Address from, Address into, ptrdiff_t count) {
        load_level(level).apply(function, to<const float*>(from), to<float*>(into), count);
    }, "Apply exp (0), sigmoid (1) or tanh (2) to float32 numbers.");
    m.def("memory", [](std::size_t bytes) {
        auto* block = new Block(allocate_memory(bytes));
        nb::capsule owner(block, [](void* held) noexcept {
            auto* back = static_cast<Block*>(held);
            release_memory(*back);
            delete back;
        });
        return nb::ndarray<nb::pytorch, std::uint8_t, nb::ndim<1>>(block->data, {bytes}, owner);
    }, "bytes"_a, "Memory as a tensor of bytes, which goes back to the engine's pool with its last tensor.");
    m.def("headers", [] {
        nb::dict files;
        for (const auto& [name, text] : kHeaders) files[name] = text;
        return files;
    }, "The headers that a user's own cell is compiled with, by name.");
    m.def("flags", [](const std::string& level) {
        for (const auto& [name, flags] : kFlags)
            if (name == level) return std::string(flags);
        throw std::invalid_argument("no SIMD level " + level);
    }, "Compiler flags of a level.");
}

}  // namespace tidegate
