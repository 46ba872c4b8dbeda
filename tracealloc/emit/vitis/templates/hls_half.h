// half for C simulation, by tracealloc: IEEE binary16, rounded once to nearest even after each operation.
#ifndef TRACEALLOC_HLS_HALF_H
#define TRACEALLOC_HLS_HALF_H

#include <cmath>
#include <cstdint>
#include <cstring>

class half {
 public:
  half() = default;
  half(double value) : bits_(round(value)) {}
  half(float value) : bits_(round(value)) {}
  half(int value) : bits_(round(value)) {}
  half(long value) : bits_(exact(value)) {}
  half(unsigned value) : bits_(round(value)) {}
  half(unsigned long value) : bits_(round((double)(value > 1000000 ? 1000000 : value))) {}

  operator float() const {
    const int exponent = bits_ >> 10 & 31, mantissa = bits_ & 1023;
    float size;
    if (exponent == 31) {
      size = mantissa ? NAN : INFINITY;
    } else if (exponent) {
      size = std::ldexp(1024.0f + mantissa, exponent - 25);
    } else {
      size = std::ldexp((float)mantissa, -24);
    }
    return bits_ >> 15 ? -size : size;
  }

  half operator-() const { return from(bits_ ^ 0x8000); }
  half &operator+=(half other) { return *this = *this + other; }
  half &operator-=(half other) { return *this = *this - other; }
  half &operator*=(half other) { return *this = *this * other; }
  half &operator/=(half other) { return *this = *this / other; }

  // Single precision has enough bits that rounding twice is rounding once.
  friend half operator+(half a, half b) { return half((float)a + (float)b); }
  friend half operator-(half a, half b) { return half((float)a - (float)b); }
  friend half operator*(half a, half b) { return half((float)a * (float)b); }
  friend half operator/(half a, half b) { return half((float)a / (float)b); }
  friend bool operator==(half a, half b) { return (float)a == (float)b; }
  friend bool operator!=(half a, half b) { return (float)a != (float)b; }
  friend bool operator<(half a, half b) { return (float)a < (float)b; }
  friend bool operator<=(half a, half b) { return (float)a <= (float)b; }
  friend bool operator>(half a, half b) { return (float)a > (float)b; }
  friend bool operator>=(half a, half b) { return (float)a >= (float)b; }

 private:
  static half from(unsigned bits) {
    half found;
    found.bits_ = (uint16_t)bits;
    return found;
  }

  static uint16_t exact(long value) {  // far beyond 65504 everything is infinite
    if (value > 1000000) value = 1000000;
    if (value < -1000000) value = -1000000;
    return round((double)value);
  }

  static uint16_t round(double value) {
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    const double size = std::fabs(value);
    if (std::isnan(value)) return sign | 0x7e00;
    if (size == 0.0) return sign;
    if (size >= 65520.0) return sign | 0x7c00;
    int exponent;
    std::frexp(size, &exponent);
    if (exponent < -13) exponent = -13;  // subnormal
    const double units = std::nearbyint(std::ldexp(size, 11 - exponent));
    return sign | (uint16_t)(units + (exponent + 13) * 1024.0);
  }

  uint16_t bits_;
};

#endif  // TRACEALLOC_HLS_HALF_H
