"""The helper functions that emitted C may need; a file contains those that it uses, in this order.

Every helper is ``static inline`` and total: no argument makes it trap.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, TypeAlias

from tracealloc.emit.c.integers.integers import Machine

__all__ = ["Helper", "Native", "Wide", "WideFrom", "preamble"]


class Native(NamedTuple):
    """A function of one machine type: ``shl shr quot floordiv floormod min max``."""

    op: str
    machine: Machine

    @property
    def kind(self) -> str:
        """The suffix that says of which type it is."""
        return f"{'i' if self.machine.signed else 'u'}{self.machine.bits}"

    @property
    def name(self) -> str:
        """What is called."""
        return f"ta_{self.op}_{self.kind}"


class Wide(NamedTuple):
    """The type of numbers of so many words, with its functions."""

    words: int


class WideFrom(NamedTuple):
    """Conversions to `words` words from `source` words."""

    words: int
    source: int


Helper: TypeAlias = str | Native | Wide | WideFrom
"""What a text may use; a name is one of `_BLOCKS`."""

# Functions of one machine type. Division by zero: the quotient is 0, the remainder the dividend.
_NATIVE = {
    "shl": """
static inline @T ta_shl_@K(@T x, int64_t n) {
  if (n >= 0) return n < @B ? x << n : 0;
  return n > -@B ? x >> -n : x < 0 ? -1 : 0;
}
""",
    "shr": """
static inline @T ta_shr_@K(@T x, int64_t n) {
  if (n >= 0) return n < @B ? x >> n : x < 0 ? -1 : 0;
  return n > -@B ? x << -n : 0;
}
""",
    "quot": """
static inline @T ta_quot_@K(@T a, @T b) {
  if (b == 0) return 0;
  return b == (@T)-1 && (@T)-1 < 0 ? -a : a / b;
}
""",
    "floordiv": """
static inline @T ta_floordiv_@K(@T a, @T b) {
  if (b == 0) return 0;
  if (b == (@T)-1 && (@T)-1 < 0) return -a;
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
""",
    "floormod": """
static inline @T ta_floormod_@K(@T a, @T b) {
  if (b == 0) return a;
  if (b == (@T)-1 && (@T)-1 < 0) return 0;
  @T r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
""",
    "min": """
static inline @T ta_min_@K(@T a, @T b) { return b < a ? b : a; }
""",
    "max": """
static inline @T ta_max_@K(@T a, @T b) { return b > a ? b : a; }
""",
}

_WIDE = """
// @W bits in words, least significant first, two's complement.
typedef struct { uint64_t w[@N]; } ta_w@N;
static inline ta_w@N ta_w@N_from_u128(unsigned __int128 x) {
  ta_w@N r = {{(uint64_t)x, (uint64_t)(x >> 64)}};
  return r;
}
static inline ta_w@N ta_w@N_from_s128(__int128 x) {
  ta_w@N r = {{(uint64_t)x, (uint64_t)(x >> 64)}};
  for (int i = 2; i < @N; ++i) r.w[i] = x < 0 ? ~(uint64_t)0 : 0;
  return r;
}
static inline unsigned __int128 ta_w@N_low(ta_w@N a) { return (unsigned __int128)a.w[1] << 64 | a.w[0]; }
static inline ta_w@N ta_w@N_and(ta_w@N a, ta_w@N b) {
  for (int i = 0; i < @N; ++i) a.w[i] &= b.w[i];
  return a;
}
static inline ta_w@N ta_w@N_or(ta_w@N a, ta_w@N b) {
  for (int i = 0; i < @N; ++i) a.w[i] |= b.w[i];
  return a;
}
static inline ta_w@N ta_w@N_xor(ta_w@N a, ta_w@N b) {
  for (int i = 0; i < @N; ++i) a.w[i] ^= b.w[i];
  return a;
}
static inline ta_w@N ta_w@N_not(ta_w@N a) {
  for (int i = 0; i < @N; ++i) a.w[i] = ~a.w[i];
  return a;
}
static inline ta_w@N ta_w@N_add(ta_w@N a, ta_w@N b) {
  unsigned __int128 carry = 0;
  for (int i = 0; i < @N; ++i) {
    carry += (unsigned __int128)a.w[i] + b.w[i];
    a.w[i] = (uint64_t)carry;
    carry >>= 64;
  }
  return a;
}
static inline ta_w@N ta_w@N_sub(ta_w@N a, ta_w@N b) {
  const ta_w@N one = {{1}};
  return ta_w@N_add(a, ta_w@N_add(ta_w@N_not(b), one));
}
static inline ta_w@N ta_w@N_mul(ta_w@N a, ta_w@N b) {
  ta_w@N r = {{0}};
  for (int i = 0; i < @N; ++i) {
    uint64_t carry = 0;
    for (int j = 0; i + j < @N; ++j) {
      unsigned __int128 t = (unsigned __int128)a.w[i] * b.w[j] + r.w[i + j] + carry;
      r.w[i + j] = (uint64_t)t;
      carry = (uint64_t)(t >> 64);
    }
  }
  return r;
}
static inline int ta_w@N_negative(ta_w@N a) { return (int)(a.w[@N - 1] >> 63); }
static inline ta_w@N ta_w@N_shl(ta_w@N a, int n) {
  ta_w@N r = {{0}};
  if (n >= @W) return r;
  for (int i = @N - 1; i >= n / 64; --i) {
    r.w[i] = a.w[i - n / 64] << n % 64;
    if (n % 64 && i > n / 64) r.w[i] |= a.w[i - n / 64 - 1] >> (64 - n % 64);
  }
  return r;
}
static inline ta_w@N ta_w@N_fill_shr(ta_w@N a, int n, uint64_t fill) {
  ta_w@N r;
  for (int i = 0; i < @N; ++i) {
    const int from = n < @W ? i + n / 64 : @N;
    const uint64_t low = from < @N ? a.w[from] : fill;
    const uint64_t high = from + 1 < @N ? a.w[from + 1] : fill;
    r.w[i] = n % 64 ? low >> n % 64 | high << (64 - n % 64) : low;
  }
  return r;
}
static inline ta_w@N ta_w@N_lshr(ta_w@N a, int n) { return ta_w@N_fill_shr(a, n, 0); }
static inline ta_w@N ta_w@N_shr(ta_w@N a, int n) {
  return ta_w@N_fill_shr(a, n, ta_w@N_negative(a) ? ~(uint64_t)0 : 0);
}
static inline ta_w@N ta_w@N_vshl(ta_w@N a, int64_t n) {
  if (n >= 0) return ta_w@N_shl(a, n < @W ? (int)n : @W);
  return ta_w@N_shr(a, n > -@W ? (int)-n : @W);
}
static inline ta_w@N ta_w@N_vshr(ta_w@N a, int64_t n) {
  if (n >= 0) return ta_w@N_shr(a, n < @W ? (int)n : @W);
  return ta_w@N_shl(a, n > -@W ? (int)-n : @W);
}
static inline ta_w@N ta_w@N_sext(ta_w@N a, int width) {
  return ta_w@N_shr(ta_w@N_shl(a, @W - width), @W - width);
}
static inline ta_w@N ta_w@N_zext(ta_w@N a, int width) {
  return ta_w@N_lshr(ta_w@N_shl(a, @W - width), @W - width);
}
static inline int ta_w@N_cmp(ta_w@N a, ta_w@N b) {
  if (ta_w@N_negative(a) != ta_w@N_negative(b)) return ta_w@N_negative(a) ? -1 : 1;
  for (int i = @N - 1; i >= 0; --i)
    if (a.w[i] != b.w[i]) return a.w[i] < b.w[i] ? -1 : 1;
  return 0;
}
static inline ta_w@N ta_w@N_min(ta_w@N a, ta_w@N b) { return ta_w@N_cmp(b, a) < 0 ? b : a; }
static inline ta_w@N ta_w@N_max(ta_w@N a, ta_w@N b) { return ta_w@N_cmp(b, a) > 0 ? b : a; }
static inline int ta_w@N_zero(ta_w@N a) {
  uint64_t any = 0;
  for (int i = 0; i < @N; ++i) any |= a.w[i];
  return any == 0;
}
static inline ta_w@N ta_w@N_abs(ta_w@N a) {
  const ta_w@N zero = {{0}};
  return ta_w@N_negative(a) ? ta_w@N_sub(zero, a) : a;
}
static inline ta_w@N ta_w@N_divide(ta_w@N a, ta_w@N b, ta_w@N *rest) {  // magnitudes, b > 0
  ta_w@N q = {{0}}, r = {{0}};
  for (int i = @W - 1; i >= 0; --i) {
    r = ta_w@N_shl(r, 1);
    r.w[0] |= a.w[i / 64] >> i % 64 & 1;
    if (ta_w@N_cmp(r, b) >= 0) {
      r = ta_w@N_sub(r, b);
      q.w[i / 64] |= (uint64_t)1 << i % 64;
    }
  }
  *rest = r;
  return q;
}
static inline ta_w@N ta_w@N_quot(ta_w@N a, ta_w@N b) {
  const ta_w@N zero = {{0}};
  ta_w@N r;
  if (ta_w@N_zero(b)) return zero;
  ta_w@N q = ta_w@N_divide(ta_w@N_abs(a), ta_w@N_abs(b), &r);
  return ta_w@N_negative(a) != ta_w@N_negative(b) ? ta_w@N_sub(zero, q) : q;
}
static inline ta_w@N ta_w@N_floormod(ta_w@N a, ta_w@N b) {
  const ta_w@N zero = {{0}};
  ta_w@N r;
  if (ta_w@N_zero(b)) return a;
  (void)ta_w@N_divide(ta_w@N_abs(a), ta_w@N_abs(b), &r);
  if (ta_w@N_negative(a)) r = ta_w@N_sub(zero, r);
  return !ta_w@N_zero(r) && ta_w@N_negative(r) != ta_w@N_negative(b) ? ta_w@N_add(r, b) : r;
}
static inline ta_w@N ta_w@N_floordiv(ta_w@N a, ta_w@N b) {
  return ta_w@N_quot(ta_w@N_sub(a, ta_w@N_floormod(a, b)), b);
}
static inline double ta_w@N_scaled(ta_w@N a, int frac, int odd) {  // a / 2**frac; odd: see ta_odd
  ta_w@N m = ta_w@N_abs(a);
  int top = @W - 1;
  while (top > 0 && !(m.w[top / 64] >> top % 64 & 1)) --top;
  const int drop = top > 63 ? top - 63 : 0;
  const ta_w@N head = ta_w@N_lshr(m, drop);
  uint64_t bits = head.w[0] | (ta_w@N_cmp(ta_w@N_shl(head, drop), m) != 0);
  if (odd && bits >> 53) bits = (bits & ~(uint64_t)0x7ff) | ((bits & 0x7ff) != 0 ? 0x800 : 0);
  const double x = __builtin_ldexp((double)bits, drop - frac);
  return ta_w@N_negative(a) ? -x : x;
}
static inline ta_w@N ta_w@N_from_double(double x, int frac, int mode) {
  int e;
  if (!(__builtin_fabs(x) <= 1.7976931348623157e308)) x = 0;
  const double f = __builtin_frexp(x, &e);
  const int up = e - 53 + frac;
  if (up <= 0) return ta_w@N_from_s128(ta_fixed_from_double(x, frac, mode));
  return ta_w@N_shl(ta_w@N_from_s128((__int128)__builtin_ldexp(f, 53)), up < @W - 55 ? up : @W - 55);
}
"""

_WIDE_FROM = """
static inline ta_w@M ta_w@M_from_s@N(ta_w@N a) {
  ta_w@M r;
  for (int i = 0; i < @M; ++i) r.w[i] = i < @N ? a.w[i] : ta_w@N_negative(a) ? ~(uint64_t)0 : 0;
  return r;
}
static inline ta_w@M ta_w@M_from_u@N(ta_w@N a) {
  ta_w@M r;
  for (int i = 0; i < @M; ++i) r.w[i] = i < @N ? a.w[i] : 0;
  return r;
}
"""

_BLOCKS: dict[str, str] = {
    # Rounded to odd (sticky last bit): rounding once more, to a narrower type, is then exact.
    "ta_oddu": """
static inline double ta_oddu(unsigned __int128 m) {
  unsigned __int128 rest = 0;
  int drop = 0;
  for (; m >> 53; m >>= 1, ++drop) rest |= m & 1;
  return __builtin_ldexp((double)((uint64_t)m | (rest != 0)), drop);
}
""",
    "ta_odd": """
static inline double ta_odd(__int128 x) {
  return x < 0 ? -ta_oddu(-(unsigned __int128)x) : ta_oddu((unsigned __int128)x);
}
""",
    # x * 2**frac rounded to an integer; far out of range it keeps its low 64 bits and its sign.
    "ta_fixed_from_double": """
static inline __int128 ta_fixed_from_double(double x, int frac, int mode) {
  int e;
  if (!(__builtin_fabs(x) <= 1.7976931348623157e308)) return 0;
  const int64_t m = (int64_t)__builtin_ldexp(__builtin_frexp(x, &e), 53);
  const int down = 53 - e - frac;
  if (down <= 0) return (__int128)m << (down > -70 ? -down : 70);
  if (down > 60) return mode == 0 ? -(m < 0) : 0;
  const int64_t floor = m >> down, half = m >> (down - 1) & 1;
  const int64_t rest = (m & (((int64_t)1 << (down - 1)) - 1)) != 0;
  switch (mode) {
    case 0: return floor;                                  // TRN
    case 1: return floor + (m < 0 && (half || rest));      // TRN_ZERO
    case 2: return floor + half;                           // RND
    case 3: return floor + (half && (m < 0 || rest));      // RND_ZERO
    case 4: return floor + (half && (m >= 0 || rest));     // RND_INF
    case 5: return floor + (half && rest);                 // RND_MIN_INF
    default: return floor + (half && ((floor & 1) || rest));  // RND_CONV
  }
}
""",
    # Towards zero, then modulo 2**64; NaN and infinities give 0.
    "ta_int_from_double": """
static inline int64_t ta_int_from_double(double x) {
  if (x > -0x1p63 && x < 0x1p63) return (int64_t)x;
  return __builtin_fabs(x) < 0x1p116 ? (int64_t)(__int128)x : 0;  // beyond: a multiple of 2**64
}
""",
    # Subscripts that depend on data; `where` is the number of the access.
    "ta_at": """
static inline bool ta_in(int64_t i, int64_t extent, int where, int *fault) {
  if (__builtin_expect((uint64_t)i < (uint64_t)extent, 1)) return true;
  if (*fault <= 0) *fault = where;
  return false;
}
static inline int64_t ta_at(int64_t i, int64_t extent, int where, int *fault) {
  return ta_in(i, extent, where, fault) ? i : 0;
}
""",
    # A function does not see in which range its caller's iterators are.
    "ta_within": """
#define ta_within(i, low, high) if ((i) < (low) || (i) > (high)) __builtin_unreachable()
""",
    "ta_bf16": """
static inline float ta_bf16_load(uint16_t x) {
  union { uint32_t u; float f; } v = {(uint32_t)x << 16};
  return v.f;
}
static inline uint16_t ta_bf16_store(float x) {  // nearest, ties to even; NaN stays NaN
  union { float f; uint32_t u; } v = {x};
  if (x != x) return (uint16_t)(v.u >> 16 | 0x40);
  return (uint16_t)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}
static inline float ta_bf16_round(float x) { return ta_bf16_load(ta_bf16_store(x)); }
static inline float ta_bf16_round_double(double x) {  // rounded once: through a float rounded to odd
  union { float f; uint32_t u; } v = {(float)x};
  if ((double)v.f != x && x == x) {
    if (__builtin_fabs((double)v.f) > __builtin_fabs(x)) --v.u;
    v.u |= 1;
  }
  return ta_bf16_round(v.f);
}
""",
    # NumPy's: NaN from either side; of equal numbers the second, of float16 the first.
    "ta_minmaxf": """
static inline float ta_minf(float a, float b) { return (a < b) | (a != a) ? a : b; }
static inline float ta_maxf(float a, float b) { return (a > b) | (a != a) ? a : b; }
""",
    "ta_minmaxh": """
static inline float ta_minh(float a, float b) { return (a <= b) | (a != a) ? a : b; }
static inline float ta_maxh(float a, float b) { return (a >= b) | (a != a) ? a : b; }
""",
    "ta_minmax": """
static inline double ta_min(double a, double b) { return (a < b) | (a != a) ? a : b; }
static inline double ta_max(double a, double b) { return (a > b) | (a != a) ? a : b; }
""",
    # Python's floored division of floats.
    "ta_floormod": """
static inline double ta_floormod(double a, double b) {
  double r = __builtin_fmod(a, b);
  if (r == 0) return __builtin_copysign(0.0, b);
  return (r < 0) != (b < 0) ? r + b : r;
}
static inline double ta_floordiv(double a, double b) {
  if (b == 0) return a / b;
  double r = __builtin_fmod(a, b), q = (a - r) / b;
  if (r != 0 && (r < 0) != (b < 0)) q -= 1;
  if (q == 0) return __builtin_copysign(0.0, a / b);
  const double f = __builtin_floor(q);
  return q - f > 0.5 ? f + 1 : f;
}
""",
    "ta_floormodf": """
static inline float ta_floormodf(float a, float b) {
  float r = __builtin_fmodf(a, b);
  if (r == 0) return __builtin_copysignf(0.0f, b);
  return (r < 0) != (b < 0) ? r + b : r;
}
static inline float ta_floordivf(float a, float b) {
  if (b == 0) return a / b;
  float r = __builtin_fmodf(a, b), q = (a - r) / b;
  if (r != 0 && (r < 0) != (b < 0)) q -= 1;
  if (q == 0) return __builtin_copysignf(0.0f, a / b);
  const float f = __builtin_floorf(q);
  return q - f > 0.5f ? f + 1 : f;
}
""",
    "ta_bits_f16": """
static inline uint16_t ta_bits_f16(_Float16 x) { union { _Float16 f; uint16_t u; } v = {x}; return v.u; }
static inline _Float16 ta_f16_bits(uint16_t x) { union { uint16_t u; _Float16 f; } v = {x}; return v.f; }
""",
    "ta_bits_f32": """
static inline uint32_t ta_bits_f32(float x) { union { float f; uint32_t u; } v = {x}; return v.u; }
static inline float ta_f32_bits(uint32_t x) { union { uint32_t u; float f; } v = {x}; return v.f; }
""",
    "ta_bits_f64": """
static inline uint64_t ta_bits_f64(double x) { union { double f; uint64_t u; } v = {x}; return v.u; }
static inline double ta_f64_bits(uint64_t x) { union { uint64_t u; double f; } v = {x}; return v.f; }
""",
}


def _filled(template: str, **values: object) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}", str(value))
    return template


def preamble(helpers: Collection[Helper]) -> str:
    """The definitions of helpers and of what they use, in a fixed order."""
    native = sorted((each for each in helpers if isinstance(each, Native)), key=lambda each: each.name)
    between = sorted(each for each in helpers if isinstance(each, WideFrom))
    wide = {each.words for each in helpers if isinstance(each, Wide)}
    wide.update(words for each in between for words in each)
    names = {each for each in helpers if isinstance(each, str)}
    if wide:
        names.add("ta_fixed_from_double")
    if "ta_odd" in names:
        names.add("ta_oddu")
    parts = [text for name, text in _BLOCKS.items() if name in names]
    for op, template in _NATIVE.items():
        parts += [
            _filled(template, T=each.machine.name, K=each.kind, B=each.machine.bits)
            for each in native
            if each.op == op
        ]
    parts += [_filled(_WIDE, N=words, W=64 * words) for words in sorted(wide)]
    parts += [_filled(_WIDE_FROM, M=each.words, N=each.source) for each in between]
    return "".join(parts).lstrip("\n")
