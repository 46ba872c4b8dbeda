// matmul: HLS C++ written by tracealloc from test_relay.py:22.
#include "matmul.h"

static void load_A(hls::stream<int8_t> &A_fifo_out, const int8_t A[3][2], int k) {
#pragma HLS inline off
#pragma HLS array_partition variable=A type=complete dim=2
#pragma HLS function_instantiate variable=k
  i: for (int i = 0; i < 3; ++i) {
#pragma HLS pipeline II=1
    A_fifo_out.write(A[i][k]);
  }
}

static void PE(
    hls::stream<int8_t> &A_fifo_in,
    hls::stream<int8_t> &A_fifo_out,
    const int8_t B[2][2],
    hls::stream<int32_t> &C_fifo_out,
    int k,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=B type=complete dim=0
  i: for (int i = 0; i < 3; ++i) {
#pragma HLS pipeline II=1
    int32_t C_j;  // buffer of C[:, j]
    int8_t A_j_i;
    C_j = 0;
    A_j_i = A_fifo_in.read();
    A_fifo_out.write(A_j_i);
    C_j += A_j_i * B[k][j];  // test_relay.py:25
    C_fifo_out.write(C_j);
  }
}

static void PE_1(
    hls::stream<int8_t> &A_fifo_in,
    const int8_t B[2][2],
    hls::stream<int32_t> &C_fifo_out,
    int k,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=B type=complete dim=0
  i: for (int i = 0; i < 3; ++i) {
#pragma HLS pipeline II=1
    int32_t C_j;  // buffer of C[:, j]
    int8_t A_j_i;
    C_j = 0;
    A_j_i = A_fifo_in.read();
    C_j += A_j_i * B[k][j];  // test_relay.py:25
    C_fifo_out.write(C_j);
  }
}

static void PE_2(
    hls::stream<int32_t> &C_fifo_in,
    hls::stream<int8_t> &A_fifo_in,
    hls::stream<int8_t> &A_fifo_out,
    const int8_t B[2][2],
    int32_t C[3][2],
    int k,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=B type=complete dim=0
#pragma HLS array_partition variable=C type=complete dim=2
  i: for (int i = 0; i < 3; ++i) {
#pragma HLS pipeline II=1
#pragma HLS dependence variable=C type=inter false
    int32_t C_j;  // buffer of C[:, j]
    int8_t A_j_i;
    C_j = C_fifo_in.read();
    A_j_i = A_fifo_in.read();
    A_fifo_out.write(A_j_i);
    C_j += A_j_i * B[k][j];  // test_relay.py:25
    C[i][j] = C_j;
  }
}

static void PE_3(
    hls::stream<int32_t> &C_fifo_in,
    hls::stream<int8_t> &A_fifo_in,
    const int8_t B[2][2],
    int32_t C[3][2],
    int k,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=B type=complete dim=0
#pragma HLS array_partition variable=C type=complete dim=2
  i: for (int i = 0; i < 3; ++i) {
#pragma HLS pipeline II=1
#pragma HLS dependence variable=C type=inter false
    int32_t C_j;  // buffer of C[:, j]
    int8_t A_j_i;
    C_j = C_fifo_in.read();
    A_j_i = A_fifo_in.read();
    C_j += A_j_i * B[k][j];  // test_relay.py:25
    C[i][j] = C_j;
  }
}

void matmul(const int8_t A[3][2], const int8_t B[2][2], int32_t C[3][2]) {
#pragma HLS array_partition variable=A type=complete dim=2
#pragma HLS array_partition variable=B type=complete dim=0
#pragma HLS array_partition variable=C type=complete dim=2
#pragma HLS dataflow
  hls::stream<int8_t> A_fifo[2][2];
#pragma HLS stream variable=A_fifo depth=2
  hls::stream<int32_t> C_fifo[2][2];
#pragma HLS stream variable=C_fifo depth=2
  k: for (int k = 0; k < 2; ++k) {
#pragma HLS unroll
    load_A(A_fifo[k][0], A, k);
  }
  PE(A_fifo[0][0], A_fifo[0][1], B, C_fifo[1][0], 0, 0);  // test_relay.py:24
  PE_1(A_fifo[0][1], B, C_fifo[1][1], 0, 1);  // test_relay.py:24
  PE_2(C_fifo[1][0], A_fifo[1][0], A_fifo[1][1], B, C, 1, 0);  // test_relay.py:24
  PE_3(C_fifo[1][1], A_fifo[1][1], B, C, 1, 1);  // test_relay.py:24
}
