"""The helper functions that emitted HLS C++ may use; only those that a file needs are written into it.

Division by zero gives zero, and a remainder by zero the dividend; a shift by a negative count shifts the
other way: the same in C, HLS C++ and the interpreter.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HELPER_NAMES", "headers_of", "helper_text"]

_NEEDS: dict[str, tuple[str, ...]] = {
    "divide_wide": ("long_divide",),
    "floor_div_real": ("math",),
    "floor_div_wide": ("long_divide",),
    "floor_mod_wide": ("long_divide",),
    "floor_mod_real": ("math",),
    "integer64": ("math",),
    "wide_real": ("math",),
}

_HEADERS: dict[str, tuple[str, ...]] = {
    "cstdint": (
        *("shift_count", "shift_left", "shift_right", "integer64", "wide_real", "wide_integer"),
        *("with_bits", "bits_at"),
    ),
    "ap_int.h": (
        *("long_divide", "floor_div_wide", "floor_mod_wide", "wide_real", "divide", "divide_wide"),
        *("from_bits", "with_bits", "bits_at"),
    ),
}

_TEXTS: dict[str, str] = {
    "math": """\
#ifdef __SYNTHESIS__
#include "hls_math.h"
namespace math = hls;
#else
#include <cmath>
namespace math = std;
#endif""",
    "floor_div": """\
// Python's a // b: rounded towards minus infinity; 0 where b is 0.
template <typename T>
static inline T floor_div(T a, T b) {
  if (b == 0) return T(0);
  const T quotient = a / b;
  const T remainder = a % b;
  return (remainder != 0 && (remainder < 0) != (b < 0)) ? T(quotient - 1) : quotient;
}""",
    "floor_mod": """\
// Python's a % b: it has the sign of b; a where b is 0.
template <typename T>
static inline T floor_mod(T a, T b) {
  if (b == 0) return a;
  const T remainder = a % b;
  return (remainder != 0 && (remainder < 0) != (b < 0)) ? T(remainder + b) : remainder;
}""",
    "floor_mod_real": """\
// Python's a % b on real numbers: it has the sign of b.
template <typename T>
static inline T floor_mod_real(T a, T b) {
  const T remainder = math::fmod(a, b);
  if (remainder == T(0)) return math::copysign(remainder, b);
  return (remainder < T(0)) != (b < T(0)) ? T(remainder + b) : remainder;
}""",
    # In ap_private.h, Knuth's algorithm loses a carry between words (seen at 128 bits and above:
    # -198070406294884216016419684352 % 36893488156009037825 is off by 2**31), hence a division of our own.
    "long_divide": """\
// The quotient and the rest of two numbers, bit by bit.
template <int W>
static inline ap_uint<W> long_divide(const ap_uint<W> &a, const ap_uint<W> &b, ap_uint<W> &rest) {
  ap_uint<W> quotient = 0;
  ap_uint<W + 1> left = 0;
  for (int bit = W - 1; bit >= 0; --bit) {
    left = left << 1;
    left[0] = a[bit];
    if (left >= b) {
      left = left - b;
      quotient[bit] = 1;
    }
  }
  rest = left;
  return quotient;
}""",
    "floor_div_wide": """\
// Python's a // b, for more than 64 bits; 0 where b is 0.
template <typename T>
static inline T floor_div_wide(T a, T b) {
  if (b == 0) return T(0);
  ap_uint<T::width> rest;
  const ap_uint<T::width> top = a < 0 ? T(-a) : a, bottom = b < 0 ? T(-b) : b;
  const T quotient = long_divide<T::width>(top, bottom, rest);
  if ((a < 0) == (b < 0)) return quotient;
  return rest != 0 ? T(-quotient - 1) : T(-quotient);
}""",
    "floor_mod_wide": """\
// Python's a % b, for more than 64 bits: it has the sign of b; a where b is 0.
template <typename T>
static inline T floor_mod_wide(T a, T b) {
  if (b == 0) return a;
  ap_uint<T::width> rest;
  const ap_uint<T::width> top = a < 0 ? T(-a) : a, bottom = b < 0 ? T(-b) : b;
  long_divide<T::width>(top, bottom, rest);
  T found = rest;
  if (found != 0 && (a < 0) != (b < 0)) found = T(bottom) - found;
  return b < 0 ? T(-found) : found;
}""",
    "floor_div_real": """\
// Python's a // b on real numbers.
template <typename T>
static inline T floor_div_real(T a, T b) {
  if (b == T(0)) return a / b;
  const T remainder = math::fmod(a, b);
  T quotient = (a - remainder) / b;
  if (remainder != T(0) && (remainder < T(0)) != (b < T(0))) quotient -= T(1);
  if (quotient == T(0)) return math::copysign(T(0), a / b);
  const T whole = math::floor(quotient);
  return quotient - whole > T(0.5) ? T(whole + T(1)) : whole;
}""",
    "shift_count": """\
// A shift count of any width (with a sign) as a number that shifts everything out where it is large.
template <typename T>
static inline int64_t shift_count(T count) {
  if (count < T(-100000)) return -100000;
  return count > T(100000) ? int64_t(100000) : int64_t(count);
}""",
    "shift_left": """\
// a << count in W bits; a negative count shifts right, a large one shifts everything out.
template <int W, typename T>
static inline T shift_left(T a, int64_t count) {
  if (count <= -W) return a < T(0) ? T(a >> (W - 1)) : T(0);
  if (count < 0) return T(a >> int(-count));
  return count >= W ? T(0) : T(a << int(count));
}""",
    "shift_right": """\
// a >> count in W bits, keeping the sign; a negative count shifts left.
template <int W, typename T>
static inline T shift_right(T a, int64_t count) {
  if (count < 0) return count <= -W ? T(0) : T(a << int(-count));
  if (count >= W) return a < T(0) ? T(a >> (W - 1)) : T(0);
  return T(a >> int(count));
}""",
    "integer64": """\
// Towards zero, then modulo 2**64; 0 for infinities and NaN.
static inline int64_t integer64(double x) {
  if (x > -9223372036854775808.0 && x < 9223372036854775808.0) return (int64_t)x;
  if (!(x - x == 0.0)) return 0;
  const double rest = math::fmod(x, 18446744073709551616.0);
  return (int64_t)(rest < 0.0 ? -(uint64_t)(-rest) : (uint64_t)rest);
}""",
    "wide_real": """\
// An integer of more than 64 bits as a real number: its upper KEEP bits, the last one set where more follow.
template <int KEEP, typename T>
static inline double wide_real(T x) {
  const bool negative = x < T(0);
  ap_uint<T::width> size = negative ? T(-x) : x;
  int drop = 0;
  for (int bit = 0; bit < T::width; ++bit) {
    if ((bool)size[bit] && bit >= KEEP) drop = bit - KEEP + 1;
  }
  bool more = false;
  for (int bit = 0; bit < drop; ++bit) more = more || (bool)size[bit];
  uint64_t head = 0;
  for (int bit = 0; bit < KEEP && drop + bit < T::width; ++bit) {
    head |= (uint64_t)(bool)size[drop + bit] << bit;
  }
  const double found = math::ldexp((double)(head | (more ? 1 : 0)), drop);
  return negative ? -found : found;
}""",
    "wide_integer": """\
// Towards zero, in a type of more than 64 bits.
template <typename T>
static inline T wide_integer(double x) {
  if (x > -9223372036854775808.0 && x < 9223372036854775808.0) return T((int64_t)x);
  return x - x == 0.0 ? T(x) : T(0);
}""",
    "fixed_from": """\
// A real number as a fixed-point number; 0 for infinities and NaN.
template <typename T>
static inline T fixed_from(double x) {
  return x - x == 0.0 ? T(x) : T(0);
}""",
    "divide": """\
// Fixed-point division of the scaled integers a and b, towards zero; 0 where the divisor is 0.
template <typename T, int UP, int WIDE, typename A, typename B>
static inline T divide(A a, B b) {
  if (b == 0) return T(0);
  const ap_int<WIDE> top = ap_int<WIDE>(a) << (UP > 0 ? UP : 0);
  const ap_int<WIDE> bottom = ap_int<WIDE>(b) << (UP < 0 ? -UP : 0);
  const ap_int<WIDE> quotient = top / bottom;
  T x;
  x.range() = quotient.range(T::width - 1, 0);
  return x;
}""",
    "divide_wide": """\
// The same for more than 64 bits.
template <typename T, int UP, int WIDE, typename A, typename B>
static inline T divide_wide(A a, B b) {
  if (b == 0) return T(0);
  const ap_int<WIDE> top = ap_int<WIDE>(a) << (UP > 0 ? UP : 0);
  const ap_int<WIDE> bottom = ap_int<WIDE>(b) << (UP < 0 ? -UP : 0);
  ap_uint<WIDE> rest;
  const ap_uint<WIDE> above = top < 0 ? ap_int<WIDE>(-top) : top;
  const ap_uint<WIDE> below = bottom < 0 ? ap_int<WIDE>(-bottom) : bottom;
  const ap_int<WIDE> found = long_divide<WIDE>(above, below, rest);
  const ap_int<WIDE> quotient = (top < 0) == (bottom < 0) ? found : ap_int<WIDE>(-found);
  T x;
  x.range() = quotient.range(T::width - 1, 0);
  return x;
}""",
    "absolute": """\
template <typename T>
static inline T absolute(T x) {
  return x < T(0) ? T(-x) : x;
}""",
    "lesser": """\
// NumPy's minimum: NaN from either side; of equal numbers the second.
template <typename T>
static inline T lesser(T a, T b) {
  return a < b || a != a ? a : b;
}""",
    "first_lesser": """\
// NumPy's minimum: NaN from either side; of equal numbers the first.
template <typename T>
static inline T first_lesser(T a, T b) {
  return a <= b || a != a ? a : b;
}""",
    "greater": """\
// NumPy's maximum: NaN from either side; of equal numbers the second.
template <typename T>
static inline T greater(T a, T b) {
  return a > b || a != a ? a : b;
}""",
    "first_greater": """\
// NumPy's maximum: NaN from either side; of equal numbers the first.
template <typename T>
static inline T first_greater(T a, T b) {
  return a >= b || a != a ? a : b;
}""",
    "minimum": """\
template <typename T>
static inline T minimum(T a, T b) {
  return b < a ? b : a;
}""",
    "maximum": """\
template <typename T>
static inline T maximum(T a, T b) {
  return b > a ? b : a;
}""",
    "from_bits": """\
// A number of type T that has these bits.
template <typename T, int W>
static inline T from_bits(const ap_uint<W> &bits) {
  T x;
  x.range(W - 1, 0) = bits;
  return x;
}""",
    "bits_of": """\
// The same bits as another type.
template <typename To, typename From>
static inline To bits_of(From from) {
  union {
    From from;
    To to;
  } bits = {from};
  return bits.to;
}""",
    "with_bits": """\
// The low N bits of x, with those of the W bits from `low` on replaced that are among them.
template <int N, int W, typename T, typename V>
static inline ap_uint<N> with_bits(T x, int64_t low, V value) {
  const ap_uint<N> bits = x;
  if (low <= -W || low >= N) return bits;
  const int up = low > 0 ? (int)low : 0, down = low < 0 ? (int)-low : 0;
  const ap_uint<N> mask = ap_uint<W>(~ap_uint<W>(0)) >> down;
  const ap_uint<N> fresh = ap_uint<W>(value) >> down;
  return (bits & ~ap_uint<N>(mask << up)) | ap_uint<N>(fresh << up);
}""",
    "bits_at": """\
// W bits from `low` on of the N bits of x; those that are not among them are 0.
template <int N, int W, typename T>
static inline ap_uint<W> bits_at(T x, int64_t low) {
  const ap_uint<N> bits = x;
  if (low <= -W || low >= N) return 0;
  if (low < 0) return ap_uint<W>(bits) << (int)-low;
  return bits >> (int)low;
}""",
}


HELPER_NAMES = frozenset(_TEXTS)


def _with_needs(names: Iterable[str]) -> set[str]:
    wanted = set(names)
    return wanted.union(*(_NEEDS.get(name, ()) for name in wanted))


def helper_text(names: Iterable[str]) -> list[str]:
    """The texts of helper functions and of what they use, in a fixed order."""
    wanted = _with_needs(names)
    return [text for name, text in _TEXTS.items() if name in wanted]


def headers_of(names: Iterable[str]) -> set[str]:
    """The headers that helper functions and what they use need."""
    wanted = _with_needs(names)
    return {header for header, users in _HEADERS.items() if not wanted.isdisjoint(users)}
