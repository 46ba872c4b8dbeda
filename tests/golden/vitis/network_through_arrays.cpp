// through_arrays: HLS C++ written by tracealloc from test_network_hls.py:101.
#include "through_arrays.h"

static void load(int32_t X[4][4], const int32_t A[4][4]) {
#pragma HLS inline off
  i: for (int i = 0; i < 4; ++i) {
    j: for (int j = 0; j < 4; ++j) {
      X[i][j] = A[i][j];  // test_network_hls.py:106
    }
  }
}

static void compute(int32_t Y[4][4], const int32_t X[4][4]) {
#pragma HLS inline off
  fill_Y_0: for (int fill_Y_0 = 0; fill_Y_0 < 4; ++fill_Y_0) {
    fill_Y_1: for (int fill_Y_1 = 0; fill_Y_1 < 4; ++fill_Y_1) {
#pragma HLS pipeline II=1
      Y[fill_Y_0][fill_Y_1] = 0;  // test_network_hls.py:103
    }
  }
  i: for (int i = 0; i < 4; ++i) {
    j: for (int j = 0; j < 4; ++j) {
      Y[j][i] += X[i][j] * 2;  // test_network_hls.py:108
    }
  }
}

static void store(int32_t C[4][4], const int32_t Y[4][4]) {
#pragma HLS inline off
  i: for (int i = 0; i < 4; ++i) {
    j: for (int j = 0; j < 4; ++j) {
      C[i][j] = Y[i][j] + 1;  // test_network_hls.py:110
    }
  }
}

void through_arrays(const int32_t A[4][4], int32_t C[4][4]) {
#pragma HLS dataflow
  int32_t X[4][4];
  int32_t Y[4][4];
  load(X, A);  // test_network_hls.py:105
  compute(Y, X);  // test_network_hls.py:107
  store(C, Y);  // test_network_hls.py:109
}
