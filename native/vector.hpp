// One SIMD register of floats or doubles, and the functions that cells are written with.
//
// Everything is compiled once for each SIMD level; TIDEGATE_LEVEL names the namespace, so that no code of one
// level can be linked into another. The width follows from the compiler's target flags.
//
// Largest error in float32, over all of it, in units of the last place of the exact result (benchmarks/functions.py):
// exp 1.1, sigmoid 5.4 (2.5 but where it is below 1e-37), tanh 3.2, log 0.8. Beyond their range they saturate; NaN stays
// NaN.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#ifndef TIDEGATE_LEVEL
#define TIDEGATE_LEVEL native
#endif

namespace tidegate::TIDEGATE_LEVEL {

using std::ptrdiff_t;

// A register's size, and the rows and columns of a tile of sums (matmul.hpp): of 32 registers 24 hold sums, of 16 twelve,
// for a column and a scalar need theirs. With six rows a panel is read half as often as with three.
#if defined(__AVX512F__)
constexpr int kBytes = 64, kRows = 6, kWidth = 4;
#elif defined(__AVX__)
constexpr int kBytes = 32, kRows = 6, kWidth = 2;
#elif defined(__aarch64__)
constexpr int kBytes = 16, kRows = 6, kWidth = 4;
#else
constexpr int kBytes = 16, kRows = 3, kWidth = 4;
#endif

using f32 = float __attribute__((vector_size(kBytes)));
using f64 = double __attribute__((vector_size(kBytes)));
using u32 = std::uint32_t __attribute__((vector_size(kBytes)));
using u64 = std::uint64_t __attribute__((vector_size(kBytes)));

template <class T> using Vec = std::conditional_t<std::is_same_v<T, float>, f32, f64>;
template <class T> constexpr int kLanes = kBytes / static_cast<int>(sizeof(T));

// Constants of exp: x = n ln 2 + r, e^x = 2^n (1 + r + r^2 q(r)). Adding `magic` rounds to an integer, which is then
// in the low bits; ln 2 in two parts keeps r exact. `sigmoid_bound` and `tanh_bound` are where these are flat. `l` are the
// coefficients of the logarithm's series (fdlibm's).
template <class V> struct Numbers;

template <> struct Numbers<f32> {
    using T = float;
    using Bits = u32;
    static constexpr int mantissa = 23, bias = 127;
    static constexpr T magic = 12582912.0f, log2e = 1.44269504088896341f;
    static constexpr T ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    static constexpr T exp_bound = 104.0f, sigmoid_bound = 88.3f, tanh_bound = 10.0f;
    static constexpr T ln2 = 0.69314718056f;
    static constexpr T q[] = {1.3814539e-3f, 8.3687454e-3f, 4.1668389e-2f, 1.6666521e-1f, 4.9999994e-1f};
    static constexpr T root_half = 0.70710678f;
    static constexpr T l[] = {0.24279078841f, 0.28498786688f, 0.40000972152f, 0.66666662693f};
};

template <> struct Numbers<f64> {
    using T = double;
    using Bits = u64;
    static constexpr int mantissa = 52, bias = 1023;
    static constexpr T magic = 6755399441055744.0, log2e = 1.44269504088896340736;
    static constexpr T ln2 = 0.69314718055994530942;
    static constexpr T ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    static constexpr T exp_bound = 746.0, sigmoid_bound = 709.0, tanh_bound = 22.0;
    static constexpr T q[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                              1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                              1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5};
    static constexpr T root_half = 0.70710678118654752440;
    static constexpr T l[] = {1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
                              2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
                              6.666666666666735130e-01};
};

template <class V> using Scalar = typename Numbers<V>::T;

template <class V> inline V broadcast(Scalar<V> value) { return value - V{}; }

template <class V> inline V load(const Scalar<V>* from) {
    V value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}

template <class V> inline void store(Scalar<V>* to, V value) { __builtin_memcpy(to, &value, sizeof value); }

// The first `count` lanes; the others are zero, and memory beyond is not touched.
template <class V> inline V load_part(const Scalar<V>* from, int count) {
    V value{};
    for (int lane = 0; lane < count; ++lane) value[lane] = from[lane];
    return value;
}

template <class V> inline void store_part(Scalar<V>* to, V value, int count) {
    for (int lane = 0; lane < count; ++lane) to[lane] = value[lane];
}

#if defined(__AVX512F__)
template <> inline f32 load_part<f32>(const float* from, int count) {
    return (f32)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), from);
}
template <> inline void store_part<f32>(float* to, f32 value, int count) {
    _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << count) - 1), (__m512)value);
}
#elif defined(__AVX__)
inline __m256i first_bits(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
template <> inline f32 load_part<f32>(const float* from, int count) {
    return (f32)_mm256_maskload_ps(from, first_bits(count));
}
template <> inline void store_part<f32>(float* to, f32 value, int count) {
    _mm256_maskstore_ps(to, first_bits(count), (__m256)value);
}
#endif

// Swap rows and columns of a square: blocks of half the side first, then within them.
template <class V, int Half, int... Lane> inline void swap_halves(V& upper, V& lower, std::integer_sequence<int, Lane...>) {
    constexpr int L = sizeof...(Lane);
    const V a = upper, b = lower;
    upper = __builtin_shufflevector(a, b, (Lane & Half ? L + Lane - Half : Lane)...);
    lower = __builtin_shufflevector(a, b, (Lane & Half ? L + Lane : Lane + Half)...);
}
template <int Half, class V, std::size_t L> inline void transpose_blocks(V (&rows)[L]) {
    for (std::size_t row = 0; row < L; ++row)
        if (!(row & Half))
            swap_halves<V, Half>(rows[row], rows[row + Half], std::make_integer_sequence<int, static_cast<int>(L)>{});
    if constexpr (Half > 1) transpose_blocks<Half / 2>(rows);
}
template <class V, std::size_t L> inline void transpose(V (&rows)[L]) {
    if constexpr (L > 1) transpose_blocks<static_cast<int>(L) / 2>(rows);
}

// What AVX-512 does in fewer instructions than the plain operators.
#if defined(__AVX512F__)
constexpr bool kWide = true;
inline f32 inverse_estimate(f32 x) { return (f32)_mm512_rcp14_ps((__m512)x); }
inline f32 whole_part(f32 x) { return (f32)_mm512_roundscale_ps((__m512)x, 0); }
inline f32 smaller(f32 a, f32 b) { return (f32)_mm512_min_ps((__m512)a, (__m512)b); }
inline f32 larger(f32 a, f32 b) { return (f32)_mm512_max_ps((__m512)a, (__m512)b); }
inline f32 times_power_of_two(f32 x, f32 n) { return (f32)_mm512_scalef_ps((__m512)x, (__m512)n); }
#else
constexpr bool kWide = false;
#endif
template <class V> constexpr bool kQuick = kWide && std::is_same_v<V, f32>;

// 1 / x, within about one unit of the last place, for x between 2^-125 and the largest number.
template <class V> inline V inverse(V x) {
    if constexpr (kQuick<V>) {  // division takes 16 cycles a register, this takes three
        const V guess = inverse_estimate(x);
        return guess + guess * (1 - x * guess);
    } else {
        return 1 / x;
    }
}

// Within -bound to bound; NaN stays NaN.
template <class V> inline V clamp(V x, Scalar<V> bound) {
    if constexpr (kQuick<V>) {
        return larger(broadcast<V>(-bound), smaller(broadcast<V>(bound), x));  // with NaN these give their second
    } else {
        x = x > bound ? broadcast<V>(bound) : x;
        return x < -bound ? broadcast<V>(-bound) : x;
    }
}

// The whole number nearest to x, for |x| up to some thousands.
template <class V> inline V nearest(V x) {
    if constexpr (kQuick<V>) {
        return whole_part(x);
    } else {
        return (x + Numbers<V>::magic) - Numbers<V>::magic;
    }
}

// x * 2^n for a whole n; with `Small`, n keeps 2^n a normal number.
template <bool Small, class V> inline V scale(V x, V n) {
    using N = Numbers<V>;
    if constexpr (kQuick<V>) {
        return times_power_of_two(x, n);
    } else {
        const auto power = [](V m) {
            return (V)(((typename N::Bits)(m + N::magic) + N::bias) << N::mantissa);  // its low bits hold m
        };
        if constexpr (Small) return x * power(n);
        const V half = nearest(n * 0.5f);
        return x * power(half) * power(n - half);  // in two steps: 2^128 overflows
    }
}

// e^r - 1 for |r| up to half of ln 2.
template <class V> inline V small_exponential(V r) {
    using N = Numbers<V>;
    V q = broadcast<V>(N::q[0]);
    for (int i = 1; i < static_cast<int>(sizeof N::q / sizeof N::q[0]); ++i) q = q * r + N::q[i];
    return r + r * r * q;
}

template <class V> inline V exp(V x) {
    using N = Numbers<V>;
    x = clamp(x, N::exp_bound);
    const V n = nearest(x * N::log2e);
    return scale<false>(1 + small_exponential((x - n * N::ln2_high) - n * N::ln2_low), n);
}

// x - n ln 2: where a product is not rounded before it is added, one part is exact enough for the two that follow.
template <class V> inline V without_powers(V x, V n) {
    using N = Numbers<V>;
#if defined(__FMA__) || defined(__aarch64__)
    return x - n * N::ln2;
#else
    return (x - n * N::ln2_high) - n * N::ln2_low;
#endif
}

template <class V> inline V sigmoid(V x) {
    using N = Numbers<V>;
    x = clamp(x, N::sigmoid_bound);
    const V n = nearest(x * -N::log2e);
    return inverse(1 + scale<true>(1 + small_exponential(without_powers(-x, n)), n));
}

template <class V> inline V tanh(V x) {
    using N = Numbers<V>;
    x = clamp(x, N::tanh_bound);
    const V n = nearest(x * (2 * N::log2e));
    const V power = scale<true>(broadcast<V>(1), n);
    const V less = power * small_exponential(without_powers(x + x, n)) + (power - 1);  // e^2x - 1 without cancellation
    return less * inverse(less + 2);
}

// Where a comparison holds 1, else 0; NaN compares false.
template <class V> inline V at_least(V a, V b) { return a >= b ? broadcast<V>(1) : V{}; }

// A NaN in either gives NaN, as in torch.
template <class V> inline V maximum(V a, V b) {
    const V larger = a >= b ? a : b;
    return a != a ? a : larger;
}

template <class V> inline V floor(V x) {
    for (int lane = 0; lane < kLanes<Scalar<V>>; ++lane) x[lane] = std::floor(x[lane]);
    return x;
}

// The first `count` lanes; the others are zero.
template <class V> inline V first_lanes(V x, ptrdiff_t count) {
    if (count >= kLanes<Scalar<V>>) return x;
    for (int lane = 0; lane < kLanes<Scalar<V>>; ++lane) x[lane] = lane < count ? x[lane] : 0;
    return x;
}

// The sum of all lanes, in every lane: halves are added to each other, so that no sum waits for all before it.
template <class V> inline V total(V x) {
    for (int half = kLanes<Scalar<V>> / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) x[lane] += x[lane + half];
    return broadcast<V>(x[0]);
}

template <class V> inline V sqrt(V x) {
    for (int lane = 0; lane < kLanes<Scalar<V>>; ++lane) x[lane] = std::sqrt(x[lane]);
    return x;
}

// x = 2^n (1 + f) with 1 + f between root half and root two; ln(1 + f) by the series of s = f / (2 + f), as in fdlibm.
// Not the library's: its bits depend on the processor. Numbers below the normal ones count as 0, as in all of the engine.
template <class V> inline V log(V x) {
    using N = Numbers<V>;
    using Bits = typename N::Bits;
    const Bits root_half = (Bits)broadcast<V>(N::root_half), one = (Bits)broadcast<V>(1);
    const Bits bits = (Bits)x + (one - root_half);
    const V shift = broadcast<V>(N::magic / 3 * 2);  // 2^mantissa, whose low bits then hold the biased exponent
    const V n = (V)((bits >> N::mantissa) | (Bits)shift) - (shift + N::bias);
    const V f = (V)((bits & (((Bits{} + 1) << N::mantissa) - 1)) + root_half) - 1;
    const V s = f / (f + 2), z = s * s, half_square = f * f * static_cast<Scalar<V>>(0.5);
    V q = broadcast<V>(N::l[0]);
    for (int i = 1; i < static_cast<int>(sizeof N::l / sizeof N::l[0]); ++i) q = q * z + N::l[i];
    const V y = n * N::ln2_high - ((half_square - (s * (half_square + z * q) + n * N::ln2_low)) - f);
    const V infinite = broadcast<V>(std::numeric_limits<Scalar<V>>::infinity());
    const V edge = x >= 0 ? (x == infinite ? infinite : -infinite) : infinite - infinite;
    return x >= std::numeric_limits<Scalar<V>>::min() ? (x < infinite ? y : edge) : edge;
}

}  // namespace tidegate::TIDEGATE_LEVEL
