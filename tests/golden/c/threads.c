// threads: written by tracealloc, from t.py:3.
// Compile with -fwrapv -ffp-contract=off and -fopenmp.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

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

// The body of the parallel loop i.
static int threads_i(
    const int32_t (*restrict A)[20000],
    uint16_t *restrict B,
    int16_t *restrict C,
    const int i) {
  int status = 0;
  int32_t *restrict row = aligned_alloc(64, sizeof(int32_t[20000]));  // buffer of A[i, :]
  if (!row) {
    free(row);
    return 1;
  }
  int32_t total = 0;
#pragma omp simd
  for (int j = 0; j < 20000; ++j) {
    row[j] = A[i][j];
  }
  for (int k = 0; k < 19999; ++k) {
    const int64_t t = (int64_t)row[k] + row[k + 1];  // t.py:7
    if (t > 100) {
      total += t;
    }
  }
  B[i] = ta_bf16_store(ta_bf16_round_double((double)total));
  C[i] = ({ const int32_t ta_1 = C[i] * C[i]; ({ const int32_t ta_2 = (ta_1 + (7 + ((ta_1 >> 4) & 1))) >> 4; ta_2 > 2047 ? 2047 : (ta_2 < -2048 ? -2048 : ta_2); }); });
  free(row);
  return status;
}

int threads(const int32_t (*restrict A)[20000], uint16_t *restrict B, int16_t *restrict C) {
  int status = 0;
#pragma omp parallel for
  for (int i = 0; i < 64; ++i) {
#pragma omp atomic
    status |= threads_i(A, B, C, i);
  }
  return status;
}
