// conv2d: HLS C++ written by tracealloc from conv2d.py:16.
#include "conv2d.h"

void conv2d(const float A[64][96], const float F[3][3], float B[62][94]) {
#pragma HLS array_partition variable=F type=complete dim=0
  float A_i[3][96];  // buffer of A[i:i + 3, :]
#pragma HLS array_partition variable=A_i type=complete dim=1
  r_first: for (int r_first = 1; r_first < 3; ++r_first) {
    j_first: for (int j_first = 0; j_first < 96; ++j_first) {
#pragma HLS pipeline II=1
      A_i[r_first][j_first] = A[r_first - 1][j_first];
    }
  }
  i: for (int i = 0; i < 62; ++i) {
    float A_i_j[3][3];  // buffer of A_i[:, j:j + 3]
#pragma HLS array_partition variable=A_i_j type=complete dim=0
    j_load: for (int j_load = 0; j_load < 2; ++j_load) {
#pragma HLS pipeline II=1
      r_shift: for (int r_shift = 0; r_shift < 2; ++r_shift) {
#pragma HLS unroll
        A_i[r_shift][j_load] = A_i[r_shift + 1][j_load];
      }
      A_i[2][j_load] = A[i + 2][j_load];
    }
    r_first_1: for (int r_first_1 = 0; r_first_1 < 3; ++r_first_1) {
#pragma HLS unroll
      s_first: for (int s_first = 1; s_first < 3; ++s_first) {
#pragma HLS unroll
        A_i_j[r_first_1][s_first] = A_i[r_first_1][s_first - 1];
      }
    }
    j: for (int j = 0; j < 94; ++j) {
#pragma HLS pipeline II=1
      r_shift_1: for (int r_shift_1 = 0; r_shift_1 < 2; ++r_shift_1) {
#pragma HLS unroll
        A_i[r_shift_1][j + 2] = A_i[r_shift_1 + 1][j + 2];
      }
      A_i[2][j + 2] = A[i + 2][j + 2];
      r_load_1: for (int r_load_1 = 0; r_load_1 < 3; ++r_load_1) {
#pragma HLS unroll
        s_shift: for (int s_shift = 0; s_shift < 2; ++s_shift) {
#pragma HLS unroll
          A_i_j[r_load_1][s_shift] = A_i_j[r_load_1][s_shift + 1];
        }
        A_i_j[r_load_1][2] = A_i[r_load_1][j + 2];
      }
      float total = 0.0f;  // conv2d.py:18
      r: for (int r = 0; r < 3; ++r) {
        s: for (int s = 0; s < 3; ++s) {
          total += A_i_j[r][s] * F[r][s];  // conv2d.py:20
        }
      }
      B[i][j] = total;  // conv2d.py:21
    }
  }
}
