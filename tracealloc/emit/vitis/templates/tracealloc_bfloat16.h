// bfloat16, by tracealloc: the upper half of a float, rounded once to nearest even after each operation.
#ifndef TRACEALLOC_BFLOAT16_H
#define TRACEALLOC_BFLOAT16_H

#include <cstdint>

class bfloat16 {
 public:
  bfloat16() = default;
  bfloat16(float value) : bits_(round(value)) {}
  bfloat16(double value) : bits_(round(odd(value))) {}
  bfloat16(int value) : bits_(round(odd(value))) {}
  bfloat16(long value) : bits_(round(odd_integer(value))) {}
  bfloat16(unsigned value) : bits_(round(odd(value))) {}
  bfloat16(unsigned long value)
      : bits_(round((long)value < 0 ? 2.0f * odd_integer((long)(value >> 1 | (value & 1)))
                                    : odd_integer((long)value))) {}

  operator float() const {
    word bits;
    bits.integer = (uint32_t)bits_ << 16;
    return bits.real;
  }

  bfloat16 operator-() const {
    bfloat16 found;
    found.bits_ = bits_ ^ 0x8000;
    return found;
  }
  bfloat16 &operator+=(bfloat16 other) { return *this = *this + other; }
  bfloat16 &operator-=(bfloat16 other) { return *this = *this - other; }
  bfloat16 &operator*=(bfloat16 other) { return *this = *this * other; }
  bfloat16 &operator/=(bfloat16 other) { return *this = *this / other; }

  // Single precision has enough bits that rounding twice is rounding once.
  friend bfloat16 operator+(bfloat16 a, bfloat16 b) { return bfloat16((float)a + (float)b); }
  friend bfloat16 operator-(bfloat16 a, bfloat16 b) { return bfloat16((float)a - (float)b); }
  friend bfloat16 operator*(bfloat16 a, bfloat16 b) { return bfloat16((float)a * (float)b); }
  friend bfloat16 operator/(bfloat16 a, bfloat16 b) { return bfloat16((float)a / (float)b); }
  friend bool operator==(bfloat16 a, bfloat16 b) { return (float)a == (float)b; }
  friend bool operator!=(bfloat16 a, bfloat16 b) { return (float)a != (float)b; }
  friend bool operator<(bfloat16 a, bfloat16 b) { return (float)a < (float)b; }
  friend bool operator<=(bfloat16 a, bfloat16 b) { return (float)a <= (float)b; }
  friend bool operator>(bfloat16 a, bfloat16 b) { return (float)a > (float)b; }
  friend bool operator>=(bfloat16 a, bfloat16 b) { return (float)a >= (float)b; }

 private:
  union word {
    uint32_t integer;
    float real;
  };

  static uint16_t round(float value) {
    word bits;
    bits.real = value;
    if (value != value) return (uint16_t)(bits.integer >> 16 | 0x40);
    return (uint16_t)((bits.integer + 0x7fff + (bits.integer >> 16 & 1)) >> 16);
  }

  // Towards the odd neighbour where it is not exact, so that the next rounding is the only one.
  static float odd(double value) {
    word bits;
    bits.real = (float)value;
    if (bits.real == value || value != value || (bits.integer & 1)) return bits.real;
    if (bits.real - bits.real != 0) return bits.real;
    const bool away = (value > bits.real) == (value > 0);
    bits.integer = away ? bits.integer + 1 : bits.integer - 1;
    return bits.real;
  }

  static float odd_integer(long value) {
    if (value > -(1L << 53) && value < (1L << 53)) return odd((double)value);
    return 2048.0f * odd((double)(value >> 11 | ((value & 2047) != 0)));
  }

  uint16_t bits_;
};

#endif  // TRACEALLOC_BFLOAT16_H
