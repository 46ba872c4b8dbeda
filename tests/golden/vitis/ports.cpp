// scaled: HLS C++ written by tracealloc from test_ports.py:24.
#include "scaled.h"

void scaled(float alpha, const float A[6][8], const float B[8][4], float C[6][4]) {
#pragma HLS interface mode=s_axilite port=alpha
#pragma HLS interface mode=m_axi port=A offset=slave bundle=gmem_A depth=48
#pragma HLS interface mode=m_axi port=B offset=slave bundle=gmem_B depth=32
#pragma HLS interface mode=m_axi port=C offset=slave bundle=gmem_C depth=24
#pragma HLS interface mode=s_axilite port=return
  float A_local[6][8];  // buffer of A
#pragma HLS array_partition variable=A_local type=cyclic factor=4 dim=2
  A_in_0: for (int A_in_0 = 0; A_in_0 < 6; ++A_in_0) {
    A_in_1: for (int A_in_1 = 0; A_in_1 < 8; ++A_in_1) {
#pragma HLS pipeline II=1
      A_local[A_in_0][A_in_1] = A[A_in_0][A_in_1];
    }
  }
  float C_local[6][4];  // buffer of C
#pragma HLS array_partition variable=C_local type=complete dim=2
  i: for (int i = 0; i < 6; ++i) {
    j: for (int j = 0; j < 4; ++j) {
#pragma HLS pipeline II=1
      C_local[i][j] = 0.0f;  // test_ports.py:26
      k: for (int k = 0; k < 8; ++k) {
        C_local[i][j] += alpha * A_local[i][k] * B[k][j];  // test_ports.py:28
      }
    }
  }
  C_out_0: for (int C_out_0 = 0; C_out_0 < 6; ++C_out_0) {
    C_out_1: for (int C_out_1 = 0; C_out_1 < 4; ++C_out_1) {
#pragma HLS pipeline II=1
      C[C_out_0][C_out_1] = C_local[C_out_0][C_out_1];
    }
  }
}
