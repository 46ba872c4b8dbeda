// gemm: HLS C++ written by tracealloc from test_network_hls.py:40.
#include "gemm.h"

static void L0(hls::stream<int8_t> qa[1][4], const int8_t A[1][3]) {
#pragma HLS inline off
  k: for (int k = 0; k < 3; ++k) {
    i: for (int i = 0; i < 1; ++i) {
      qa[i][0].write(A[i][k]);  // test_network_hls.py:47
    }
  }
}

static void L1(hls::stream<int8_t> qb[1][4], const int8_t B[3][4]) {
#pragma HLS inline off
  k: for (int k = 0; k < 3; ++k) {
    j: for (int j = 0; j < 4; ++j) {
      qb[0][j].write(B[k][j]);  // test_network_hls.py:50
    }
  }
}

static void PE(
    hls::stream<int8_t> &qa_in,
    hls::stream<int8_t> &qb_in,
    hls::stream<int8_t> &qa_out,
    int32_t C[1][4],
    int i,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=C type=complete dim=0
#pragma HLS function_instantiate variable=i
#pragma HLS function_instantiate variable=j
  int32_t acc = 0;  // test_network_hls.py:52
  k: for (int k = 0; k < 3; ++k) {
#pragma HLS pipeline II=1
    const int8_t a = qa_in.read();  // test_network_hls.py:54
    const int8_t b = qb_in.read();  // test_network_hls.py:55
    acc += a * b;  // test_network_hls.py:56
    qa_out.write(a);  // test_network_hls.py:58
  }
  C[i][j] = acc;  // test_network_hls.py:61
}

static void PE_1(
    hls::stream<int8_t> &qa_in,
    hls::stream<int8_t> &qb_in,
    int32_t C[1][4],
    int i,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=C type=complete dim=0
  int32_t acc = 0;  // test_network_hls.py:52
  k: for (int k = 0; k < 3; ++k) {
#pragma HLS pipeline II=1
    const int8_t a = qa_in.read();  // test_network_hls.py:54
    const int8_t b = qb_in.read();  // test_network_hls.py:55
    acc += a * b;  // test_network_hls.py:56
  }
  C[i][j] = acc;  // test_network_hls.py:61
}

void gemm(const int8_t A[1][3], const int8_t B[3][4], int32_t C[1][4]) {
#pragma HLS array_partition variable=C type=complete dim=0
#pragma HLS dataflow
  hls::stream<int8_t> qa[1][4];
#pragma HLS stream variable=qa depth=2
  hls::stream<int8_t> qb[1][4];
#pragma HLS stream variable=qb depth=2
  L0(qa, A);  // test_network_hls.py:45
  L1(qb, B);  // test_network_hls.py:48
  j: for (int j = 0; j < 3; ++j) {
#pragma HLS unroll
    PE(qa[0][j], qb[0][j], qa[0][j + 1], C, 0, j);  // test_network_hls.py:51
  }
  PE_1(qa[0][3], qb[0][3], C, 0, 3);  // test_network_hls.py:51
}
