// gemm: written by tracealloc, from gemm.py:4.
// Compile with -fwrapv -ffp-contract=off.
#include <stdbool.h>
#include <stdint.h>

void gemm(const float (*restrict A)[64], const float (*restrict B)[64], float (*restrict C)[64]) {
  for (int i = 0; i < 64; ++i) {
    float C_i[64];  // buffer of C[i, :]
    for (int j_init = 0; j_init < 64; ++j_init) {
      C_i[j_init] = 0.0f;
    }
    for (int k = 0; k < 64; ++k) {
#pragma GCC unroll 8
      for (int j = 0; j < 64; ++j) {
        C_i[j] += A[i][k] * B[k][j];  // gemm.py:8
      }
    }
    for (int j_back = 0; j_back < 64; ++j_back) {
      C[i][j_back] = C_i[j_back];
    }
  }
}
