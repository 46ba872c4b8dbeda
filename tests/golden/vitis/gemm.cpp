// gemm: HLS C++ written by tracealloc from gemm.py:4.
#include "gemm.h"

void gemm(const float A[64][64], const float B[64][64], float C[64][64]) {
#pragma HLS array_partition variable=B type=cyclic factor=8 dim=2
  i: for (int i = 0; i < 64; ++i) {
    float C_i[64];  // buffer of C[i, :]
    j_init: for (int j_init = 0; j_init < 64; ++j_init) {
#pragma HLS pipeline II=1
      C_i[j_init] = 0.0f;
    }
    k: for (int k = 0; k < 64; ++k) {
      j: for (int j = 0; j < 64; ++j) {
#pragma HLS pipeline II=1
#pragma HLS unroll factor=8
        C_i[j] += A[i][k] * B[k][j];  // gemm.py:8
      }
    }
    j_back: for (int j_back = 0; j_back < 64; ++j_back) {
#pragma HLS pipeline II=1
      C[i][j_back] = C_i[j_back];
    }
  }
}
