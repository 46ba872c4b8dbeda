// mixed: HLS C++ written by tracealloc from mixed.py:1.
#include "mixed.h"

// Python's a // b: rounded towards minus infinity; 0 where b is 0.
template <typename T>
static inline T floor_div(T a, T b) {
  if (b == 0) return T(0);
  const T quotient = a / b;
  const T remainder = a % b;
  return (remainder != 0 && (remainder < 0) != (b < 0)) ? T(quotient - 1) : quotient;
}

void mixed(p_t p[6], int16_t x[6], int16_t n, int32_t *total_result) {
  static const int16_t table[6] = {1, -2, 3, 4, 5, -6};
  int32_t total = 0;
  i: for (int i = 0; i < 6; ++i) {
    const int at = 5 - i;
    p[i] = p_t{p[i].re * (float)table[i], ap_int<5>(p[i].count + x[i])};  // mixed.py:3
    if (x[i] < 0) {
      total -= x[i];
    } else if (x[i] == n) {
      total = 7;
    } else {
      total += 1;
    }
    j: for (int j = 0; j < i + 1; ++j) {
#pragma HLS loop_tripcount min=1 max=6
      x[at] += floor_div<int32_t>(x[j], n);
    }
    j_1: for (int j = 5; j > -1; j -= 2) {
      total += table[j];
    }
  }
  while_: while (total < 100) {
    total += 17;
  }
  *total_result = total;
}
