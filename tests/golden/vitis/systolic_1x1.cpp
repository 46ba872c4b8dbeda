// gemm: HLS C++ written by tracealloc from test_network_hls.py:40.
#include "gemm.h"

static void L0(hls::stream<int8_t> qa[1][1], const int8_t A[1][5]) {
#pragma HLS inline off
  k: for (int k = 0; k < 5; ++k) {
    i: for (int i = 0; i < 1; ++i) {
      qa[i][0].write(A[i][k]);  // test_network_hls.py:47
    }
  }
}

static void L1(hls::stream<int8_t> qb[1][1], const int8_t B[5][1]) {
#pragma HLS inline off
  k: for (int k = 0; k < 5; ++k) {
    j: for (int j = 0; j < 1; ++j) {
      qb[0][j].write(B[k][j]);  // test_network_hls.py:50
    }
  }
}

static void PE(
    hls::stream<int8_t> &qa_in,
    hls::stream<int8_t> &qb_in,
    int32_t C[1][1],
    int i,
    int j) {
#pragma HLS inline off
#pragma HLS array_partition variable=C type=complete dim=0
  int32_t acc = 0;  // test_network_hls.py:52
  k: for (int k = 0; k < 5; ++k) {
#pragma HLS pipeline II=1
    const int8_t a = qa_in.read();  // test_network_hls.py:54
    const int8_t b = qb_in.read();  // test_network_hls.py:55
    acc += a * b;  // test_network_hls.py:56
  }
  C[i][j] = acc;  // test_network_hls.py:61
}

void gemm(const int8_t A[1][5], const int8_t B[5][1], int32_t C[1][1]) {
#pragma HLS array_partition variable=C type=complete dim=0
#pragma HLS dataflow
  hls::stream<int8_t> qa[1][1];
#pragma HLS stream variable=qa depth=2
  hls::stream<int8_t> qb[1][1];
#pragma HLS stream variable=qb depth=2
  L0(qa, A);  // test_network_hls.py:45
  L1(qb, B);  // test_network_hls.py:48
  PE(qa[0][0], qb[0][0], C, 0, 0);  // test_network_hls.py:51
}
