// columns: written by tracealloc.
// Compile with -fwrapv -ffp-contract=off.
#include <stdbool.h>
#include <stdint.h>

static __attribute__((noinline)) void scale(const float *restrict x, float *restrict y, const float f) {
  for (int i = 0; i < 6; ++i) {
    y[i] = x[i] * f;
  }
}

void columns(const float (*restrict A)[6], float (*restrict B)[6]) {
  for (int i = 0; i < 6; ++i) {
    float A_view[6];
    float B_view[6];
    for (int64_t e0 = 0; e0 < 6; ++e0)
      A_view[e0] = A[e0][i];
    for (int64_t e0 = 0; e0 < 6; ++e0)
      B_view[e0] = B[e0][i];
    scale(A_view, B_view, 2.5f);  // rows.py:4
    for (int64_t e0 = 0; e0 < 6; ++e0)
      B[e0][i] = B_view[e0];
  }
}
