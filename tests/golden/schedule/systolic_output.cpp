// matmul: HLS C++ written by tracealloc from test_relay.py:22.
#include "matmul.h"

static void load_A(hls::stream<int8_t> &A_fifo_out, const int8_t A[2][4], int i) {
#pragma HLS inline off
#pragma HLS array_partition variable=A type=complete dim=1
#pragma HLS function_instantiate variable=i
  k: for (int k = 0; k < 4; ++k) {
#pragma HLS pipeline II=1
    A_fifo_out.write(A[i][k]);
  }
}

static void load_B(hls::stream<int8_t> &B_fifo_out, const int8_t B[4][3], int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=B type=complete dim=2
#pragma HLS function_instantiate variable=j
  k: for (int k = 0; k < 4; ++k) {
#pragma HLS pipeline II=1
    B_fifo_out.write(B[k][j]);
  }
}

static void PE(
    hls::stream<int8_t> &B_fifo_in,
    hls::stream<int8_t> &A_fifo_in,
    hls::stream<int8_t> &B_fifo_out,
    hls::stream<int8_t> &A_fifo_out,
    int32_t C[2][3],
    int i,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=C type=complete dim=0
#pragma HLS function_instantiate variable=i
#pragma HLS function_instantiate variable=j
  C[i][j] = 0;  // test_relay.py:23
  k: for (int k = 0; k < 4; ++k) {
#pragma HLS pipeline II=1
    int8_t A_j_k;
    int8_t B_j_k;
    B_j_k = B_fifo_in.read();
    A_j_k = A_fifo_in.read();
    B_fifo_out.write(B_j_k);
    A_fifo_out.write(A_j_k);
    C[i][j] += A_j_k * B_j_k;  // test_relay.py:25
  }
}

static void PE_1(
    hls::stream<int8_t> &B_fifo_in,
    hls::stream<int8_t> &A_fifo_in,
    hls::stream<int8_t> &B_fifo_out,
    int32_t C[2][3],
    int i,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=C type=complete dim=0
  C[i][j] = 0;  // test_relay.py:23
  k: for (int k = 0; k < 4; ++k) {
#pragma HLS pipeline II=1
    int8_t A_j_k;
    int8_t B_j_k;
    B_j_k = B_fifo_in.read();
    A_j_k = A_fifo_in.read();
    B_fifo_out.write(B_j_k);
    C[i][j] += A_j_k * B_j_k;  // test_relay.py:25
  }
}

static void PE_2(
    hls::stream<int8_t> &B_fifo_in,
    hls::stream<int8_t> &A_fifo_in,
    hls::stream<int8_t> &A_fifo_out,
    int32_t C[2][3],
    int i,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=C type=complete dim=0
#pragma HLS function_instantiate variable=i
#pragma HLS function_instantiate variable=j
  C[i][j] = 0;  // test_relay.py:23
  k: for (int k = 0; k < 4; ++k) {
#pragma HLS pipeline II=1
    int8_t A_j_k;
    int8_t B_j_k;
    B_j_k = B_fifo_in.read();
    A_j_k = A_fifo_in.read();
    A_fifo_out.write(A_j_k);
    C[i][j] += A_j_k * B_j_k;  // test_relay.py:25
  }
}

static void PE_3(
    hls::stream<int8_t> &B_fifo_in,
    hls::stream<int8_t> &A_fifo_in,
    int32_t C[2][3],
    int i,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=C type=complete dim=0
  C[i][j] = 0;  // test_relay.py:23
  k: for (int k = 0; k < 4; ++k) {
#pragma HLS pipeline II=1
    int8_t A_j_k;
    int8_t B_j_k;
    B_j_k = B_fifo_in.read();
    A_j_k = A_fifo_in.read();
    C[i][j] += A_j_k * B_j_k;  // test_relay.py:25
  }
}

void matmul(const int8_t A[2][4], const int8_t B[4][3], int32_t C[2][3]) {
#pragma HLS array_partition variable=A type=complete dim=1
#pragma HLS array_partition variable=B type=complete dim=2
#pragma HLS array_partition variable=C type=complete dim=0
#pragma HLS dataflow
  hls::stream<int8_t> A_fifo[2][3];
#pragma HLS stream variable=A_fifo depth=3
  hls::stream<int8_t> B_fifo[2][3];
#pragma HLS stream variable=B_fifo depth=4
  i: for (int i = 0; i < 2; ++i) {
#pragma HLS unroll
    load_A(A_fifo[i][0], A, i);
  }
  j: for (int j = 0; j < 3; ++j) {
#pragma HLS unroll
    load_B(B_fifo[0][j], B, j);
  }
  j_1: for (int j = 0; j < 2; ++j) {
#pragma HLS unroll
    PE(B_fifo[0][j], A_fifo[0][j], B_fifo[1][j], A_fifo[0][j + 1], C, 0, j);  // test_relay.py:24
  }
  PE_1(B_fifo[0][2], A_fifo[0][2], B_fifo[1][2], C, 0, 2);  // test_relay.py:24
  j_2: for (int j = 0; j < 2; ++j) {
#pragma HLS unroll
    PE_2(B_fifo[1][j], A_fifo[1][j], A_fifo[1][j + 1], C, 1, j);  // test_relay.py:24
  }
  PE_3(B_fifo[1][2], A_fifo[1][2], C, 1, 2);  // test_relay.py:24
}
