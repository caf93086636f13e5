// Products on register tiles: rows of a matrix in memory against a packed one, and the gradient of that.
//
// A packed matrix has columns of one register each, four to a panel; a panel is [k][column][lane]. A column is a gate
// of a block of units, say, and its lanes the units. Which k a panel holds is a list of runs: leaving runs out is
// how a block-sparse matrix costs what it holds, and how a row may have gaps.
//
// Every sum runs over k in order, whatever the tile: a row's result does not depend on its neighbours.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "vector.hpp"

namespace tidegate::TIDEGATE_LEVEL {

constexpr ptrdiff_t kDepth = 32768 / kBytes / kWidth;  // rows of a panel that stay in the first cache from tile to tile
constexpr ptrdiff_t kCacheLine = 64, kLines = (kWidth * kBytes + kCacheLine - 1) / kCacheLine;
constexpr ptrdiff_t kLarge = 3 << 19;                // bytes of a matrix that comes from beyond a core's own cache

struct Run {
    ptrdiff_t from, count;
};

// Where the parts of a packed matrix are; the numbers themselves come later.
struct Layout {
    ptrdiff_t columns = 0, panels = 0, size = 0;     // size in registers
    int across = kWidth;                        // columns of every panel but the last
    bool dense = true;                          // all panels have the same runs
    std::vector<Run> runs;
    std::vector<ptrdiff_t> first_run, start;         // of each panel, and one more at the end; of a dense one not needed
    ptrdiff_t depth = 0;                             // rows of each panel, when dense

    int width(ptrdiff_t panel) const { return static_cast<int>(std::min<ptrdiff_t>(across, columns - panel * across)); }

    ptrdiff_t offset(ptrdiff_t panel) const {
        return dense ? panel * across * depth : start[static_cast<std::size_t>(panel)];
    }
    const Run* runs_of(ptrdiff_t panel) const {
        return runs.data() + (dense ? 0 : first_run[static_cast<std::size_t>(panel)]);
    }
    const Run* runs_end(ptrdiff_t panel) const {
        return dense ? runs.data() + runs.size() : runs.data() + first_run[static_cast<std::size_t>(panel) + 1];
    }

    // `list(panel, add)` calls add(from, count) for each run of the panel, in order; once for all when dense.
    template <class List> static Layout make(ptrdiff_t columns, bool dense, int across, List list) {
        Layout layout;
        layout.columns = columns, layout.dense = dense, layout.across = across;
        layout.panels = (columns + across - 1) / across;
        for (ptrdiff_t panel = 0; panel < (dense ? 1 : layout.panels); ++panel) {
            const std::size_t first = layout.runs.size();
            ptrdiff_t count = 0;
            list(panel, [&](ptrdiff_t from, ptrdiff_t length) {
                count += length;
                if (layout.runs.size() > first && layout.runs.back().from + layout.runs.back().count == from) {
                    const ptrdiff_t more = std::min(length, kDepth - layout.runs.back().count);
                    layout.runs.back().count += more, from += more, length -= more;
                }
                for (; length > 0; from += kDepth, length -= kDepth)
                    layout.runs.push_back({from, std::min(length, kDepth)});
            });
            if (dense) {
                layout.depth = count, layout.size = count * columns;
            } else {
                layout.first_run.push_back(static_cast<ptrdiff_t>(first));
                layout.start.push_back(layout.size);
                layout.size += count * layout.width(panel);
            }
        }
        layout.first_run.push_back(static_cast<ptrdiff_t>(layout.runs.size()));
        return layout;
    }
};

template <class T> struct Packed {
    const Layout* layout;
    T* data;

    T* panel(ptrdiff_t index) const { return data + layout->offset(index) * kLanes<T>; }
};

// Cut `count` rows into tiles of at most `most`, all about equal, and call f(first, rows) for each.
template <class F> inline void for_tiles(ptrdiff_t count, ptrdiff_t most, F&& f) {
    const ptrdiff_t tiles = (count + most - 1) / most;
    for (ptrdiff_t tile = 0, first = 0; tile < tiles; ++tile) {
        const ptrdiff_t rows = (count - first + tiles - tile - 1) / (tiles - tile);
        f(first, rows);
        first += rows;
    }
}

// Rows of a panel: some of its runs, and where their numbers are; `apart` from there to those of the next panel.
// While they are worked on, a column from `ahead` on may be prefetched, of another panel.
template <class T> struct Piece {
    const Run *run, *end;
    const T* data;
    ptrdiff_t apart;
    const T* ahead;
};

// out[m][column] = init[m][column] + sum over k of a[m][k] * b[k][column], for `M` rows and `P` panels of `W` columns.
template <class T, int M, int P, int W, bool Prefetches = false>
[[gnu::noinline]] void product_tile(const T* const* a, const Piece<T>& b, const T* init, ptrdiff_t init_row, T* out,
                                    ptrdiff_t out_row) {
    using V = Vec<T>;
    constexpr int L = kLanes<T>;
    V sums[M][P * W];
    const T* rows[M];
    const T* at[P];
#pragma GCC unroll 32
    for (int m = 0; m < M; ++m) {
        rows[m] = a[m];
#pragma GCC unroll 32
        for (int n = 0; n < P * W; ++n) sums[m][n] = init ? load<V>(init + m * init_row + n * L) : V{};
    }
#pragma GCC unroll 32
    for (int p = 0; p < P; ++p) at[p] = b.data + p * b.apart;
    [[maybe_unused]] const T* ahead = b.ahead;
    for (const Run* run = b.run; run != b.end; ++run) {
        for (ptrdiff_t k = run->from, last = run->from + run->count; k < last; ++k) {
            if constexpr (Prefetches) {
                __builtin_prefetch(ahead, 0, 2);
                ahead += W * L;
            }
#pragma GCC unroll 32
            for (int p = 0; p < P; ++p) {
                V column[W];
#pragma GCC unroll 32
                for (int w = 0; w < W; ++w) column[w] = load<V>(at[p] + w * L);
                at[p] += W * L;
#pragma GCC unroll 32
                for (int m = 0; m < M; ++m) {
                    const V scalar = broadcast<V>(rows[m][k]);
#pragma GCC unroll 32
                    for (int w = 0; w < W; ++w) sums[m][p * W + w] += scalar * column[w];
                }
            }
        }
    }
#pragma GCC unroll 32
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 32
        for (int n = 0; n < P * W; ++n) store(out + m * out_row + n * L, sums[m][n]);
    }
}

// How many rows of an outer sum go through its tiles together, and how far apart they are where they are transposed.
constexpr ptrdiff_t kTerms = 128, kTermsApart = kTerms + 16;  // not a power of two, whose multiples share a set of the cache

// Rows of an outer sum: those in memory, `a` from its k-th number on and columns `offsets` of `b`, or, where they are used
// often enough, packed in the order that tiles read them: `transposed` is [k][row], kTermsApart apart, `gathered`
// [row][column].
template <class T> struct Terms {
    ptrdiff_t rows, k;
    const T *const *a, *const *b;
    const ptrdiff_t* offsets;
    const T *transposed, *gathered;
};

// sums[m][column] (+)= sum over rows of a[row][k + m] * b[row][offset of column].
template <class T, int M, int W, bool Ready>
[[gnu::noinline]] void gradient_tile(const Terms<T>& terms, T* sums, bool add) {
    using V = Vec<T>;
    constexpr int L = kLanes<T>;
    V sum[M][W];
    ptrdiff_t offset[W];
#pragma GCC unroll 32
    for (int w = 0; w < W; ++w) offset[w] = Ready ? w * L : terms.offsets[w];
#pragma GCC unroll 32
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 32
        for (int w = 0; w < W; ++w) sum[m][w] = add ? load<V>(sums + (m * W + w) * L) : V{};
    }
    const T *const *a = terms.a, *const *b = terms.b;
    const T *transposed = terms.transposed + terms.k * kTermsApart, *gathered = terms.gathered;
    for (ptrdiff_t row = 0, rows = terms.rows, k = terms.k; row < rows; ++row) {
        const T *scalars = Ready ? transposed + row : a[row] + k, *columns = Ready ? gathered + row * W * L : b[row];
        V column[W];
#pragma GCC unroll 32
        for (int w = 0; w < W; ++w) column[w] = load<V>(columns + offset[w]);
#pragma GCC unroll 32
        for (int m = 0; m < M; ++m) {
            const V scalar = broadcast<V>(scalars[m * (Ready ? kTermsApart : 1)]);
#pragma GCC unroll 32
            for (int w = 0; w < W; ++w) sum[m][w] += scalar * column[w];
        }
    }
#pragma GCC unroll 32
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 32
        for (int w = 0; w < W; ++w) store(sums + (m * W + w) * L, sum[m][w]);
    }
}

// to[k][row] = from[row][k] for up to kTerms rows; each has `depth` numbers, and `to` room for whole squares.
template <class T> void pack_terms(const T* const* from, ptrdiff_t rows, ptrdiff_t depth, T* to) {
    constexpr ptrdiff_t L = kLanes<T>;
    for (ptrdiff_t row = 0; row < rows; row += L) {
        for (ptrdiff_t k = 0; k < depth; k += L) {
            const int count = static_cast<int>(std::min(L, depth - k));
            if (4 * count <= L) {  // few numbers are copied faster than squares are transposed
                for (ptrdiff_t i = row; i < std::min(row + L, rows); ++i)
                    for (int j = 0; j < count; ++j) to[(k + j) * kTermsApart + i] = from[i][k + j];
                continue;
            }
            Vec<T> square[L];
            for (ptrdiff_t i = 0; i < L; ++i)
                square[i] = row + i >= rows ? Vec<T>{}
                            : count == L    ? load<Vec<T>>(from[row + i] + k)
                                            : load_part<Vec<T>>(from[row + i] + k, count);
            transpose(square);
            for (int i = 0; i < count; ++i) store(to + (k + i) * kTermsApart + row, square[i]);
        }
    }
}

// How many panels a tile of M rows takes, so that there are enough sums in flight.
constexpr int panels_of(int rows) { return std::max(1, std::min(4, kRows / rows)); }

template <class T> using ProductTile = void (*)(const T* const*, const Piece<T>&, const T*, ptrdiff_t, T*, ptrdiff_t);
template <class T> using GradientTile = void (*)(const Terms<T>&, T*, bool);

// Tiles of 1 to kRows rows: full panels, several when there are few rows; those that prefetch a panel of a large matrix;
// then one panel of each width; and those of outer sums.
template <class T> struct Tiles {
    std::array<ProductTile<T>, kRows> wide, prefetching;
    std::array<std::array<ProductTile<T>, kWidth>, kRows> product;
    std::array<std::array<GradientTile<T>, kWidth>, kRows> gradient, ready_gradient;

    constexpr Tiles() : Tiles(std::make_integer_sequence<int, kRows>{}) {}

private:
    template <int... M>
    constexpr explicit Tiles(std::integer_sequence<int, M...>)
        : wide{product_tile<T, M + 1, panels_of(M + 1), kWidth>...},
          prefetching{product_tile<T, M + 1, 1, kWidth, true>...},
          product{products<M + 1>(std::make_integer_sequence<int, kWidth>{})...},
          gradient{gradients<M + 1, false>(std::make_integer_sequence<int, kWidth>{})...},
          ready_gradient{gradients<M + 1, true>(std::make_integer_sequence<int, kWidth>{})...} {}

    template <int M, int... W>
    static constexpr std::array<ProductTile<T>, kWidth> products(std::integer_sequence<int, W...>) {
        return {product_tile<T, M, 1, W + 1>...};
    }
    template <int M, bool Ready, int... W>
    static constexpr std::array<GradientTile<T>, kWidth> gradients(std::integer_sequence<int, W...>) {
        return {gradient_tile<T, M, W + 1, Ready>...};
    }
};

template <class T> inline constexpr Tiles<T> kTiles{};

// Cut a panel into pieces of at most `most` rows and call f(piece, whether it is the first).
template <class T, class F> void each_piece(const Packed<T>& b, ptrdiff_t panel, ptrdiff_t most, F&& f) {
    const ptrdiff_t step = b.layout->width(panel) * kLanes<T>, apart = b.layout->depth * step;
    const Run *run = b.layout->runs_of(panel), *end = b.layout->runs_end(panel);
    const T* data = b.panel(panel);
    for (bool begins = true; begins || run != end; begins = false) {
        const Run* first = run;
        ptrdiff_t count = 0;
        while (run != end && (count == 0 || count + run->count <= most)) count += run++->count;
        f(Piece<T>{first, run, data, apart, data + apart}, begins);
        data += count * step;
    }
}

// The product for any rows and a range of panels; `init` and `out` are where the first of these panels' columns are.
template <class T>
void product(const T* const* a, ptrdiff_t rows, const Packed<T>& b, ptrdiff_t first, ptrdiff_t last, const T* init,
             ptrdiff_t init_row, T* out, ptrdiff_t out_row) {
    constexpr ptrdiff_t L = kLanes<T>;
    const Layout& layout = *b.layout;
    const int tile_rows = static_cast<int>(std::min<ptrdiff_t>(rows, kRows));
    const int step = layout.dense && layout.across == kWidth ? panels_of(tile_rows) : 1;
    // Of a large matrix a piece serves all tiles from the first cache, while each prefetches a column of the next panel.
    const bool large = layout.dense && layout.size * kBytes > kLarge && rows > kRows;
    for (ptrdiff_t panel = first; panel < last;) {
        const auto width = static_cast<std::size_t>(layout.width(panel) - 1);
        const bool wide = step > 1 && panel + step <= last && layout.width(panel + step - 1) == kWidth;
        T* to = out + (panel - first) * layout.across * L;
        each_piece(b, panel, large ? kDepth : std::numeric_limits<ptrdiff_t>::max(), [&](Piece<T> piece, bool begins) {
            const T* from = !begins ? to : init ? init + (to - out) : nullptr;
            const ptrdiff_t from_row = begins ? init_row : out_row;
            ptrdiff_t lines = large && layout.width(panel) == kWidth ? kLines : 0;
            for_tiles(rows, kRows, [&](ptrdiff_t row, ptrdiff_t count) {
                const auto m = static_cast<std::size_t>(count - 1);
                const auto tile = wide        ? kTiles<T>.wide[m]
                                  : lines > 0 ? kTiles<T>.prefetching[m]
                                              : kTiles<T>.product[m][width];
                tile(a + row, piece, from ? from + row * from_row : nullptr, from_row, to + row * out_row, out_row);
                --lines, piece.ahead += kCacheLine / static_cast<ptrdiff_t>(sizeof(T));
            });
        });
        panel += wide ? step : 1;
    }
}

}  // namespace tidegate::TIDEGATE_LEVEL
