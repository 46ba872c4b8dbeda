// Between NumPy's memory and the types of the kernel, by tracealloc; used by the testbench and the C simulation.
#ifndef TRACEALLOC_MEMORY_H
#define TRACEALLOC_MEMORY_H

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace tracealloc {

static thread_local std::string message;

// C++'s own numbers lie in memory as NumPy has them. Every other type has overloads, which come with the text.
template <int BYTES, typename T>
inline void get(T &x, const unsigned char *from) {
  static_assert(std::is_arithmetic<T>::value && sizeof(T) == BYTES, "the layout of an element");
  std::memcpy(&x, from, BYTES);
}
template <int BYTES, typename T>
inline void put(const T &x, unsigned char *to) {
  static_assert(std::is_arithmetic<T>::value && sizeof(T) == BYTES, "the layout of an element");
  std::memcpy(to, &x, BYTES);
}

// Types of any width: BYTES bytes, little-endian, in two's complement.
template <int W, int BYTES, typename T>
inline void get_bits(T &x, const unsigned char *from) {
  for (int low = 0; low < W; low += 64) {
    uint64_t word = 0;
    const int bytes = BYTES - low / 8;
    std::memcpy(&word, from + low / 8, bytes < 8 ? bytes : 8);
    for (int bit = 0; bit < 64 && low + bit < W; ++bit) x[low + bit] = (word >> bit & 1) != 0;
  }
}
template <int W, int BYTES, bool SIGNED, typename T>
inline void put_bits(const T &value, unsigned char *to) {
  T x = value;
  const bool sign = SIGNED && (bool)x[W - 1];
  for (int byte = 0; byte < BYTES; ++byte) {
    unsigned bits = 0;
    for (int bit = 0; bit < 8; ++bit) {
      const int at = 8 * byte + bit;
      bits |= (unsigned)(at < W ? (bool)x[at] : sign) << bit;
    }
    to[byte] = (unsigned char)bits;
  }
}

}  // namespace tracealloc

#endif  // TRACEALLOC_MEMORY_H
