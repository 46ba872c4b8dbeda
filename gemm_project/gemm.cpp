// gemm: HLS C++ written by tracealloc from gemm.py:4.
#include "gemm.h"

void gemm(const float A[4][4], const float B[4][8], float C[4][8]) {
#pragma HLS array_partition variable=B type=complete dim=2
  i: for (int i = 0; i < 4; ++i) {
    float C_i[8];  // buffer of C[i, :]
    j_init: for (int j_init = 0; j_init < 8; ++j_init) {
#pragma HLS pipeline II=1
      C_i[j_init] = 0.0f;
    }
    k: for (int k = 0; k < 4; ++k) {
      j: for (int j = 0; j < 8; ++j) {
#pragma HLS pipeline II=1
#pragma HLS unroll factor=8
        C_i[j] += A[i][k] * B[k][j];  // gemm.py:8
      }
    }
    j_back: for (int j_back = 0; j_back < 8; ++j_back) {
#pragma HLS pipeline II=1
      C[i][j_back] = C_i[j_back];
    }
  }
}
