// of_networks: HLS C++ written by tracealloc from test_network_hls.py:124.
#include "of_networks.h"

static void load(hls::stream<int32_t> &q_out, const int32_t A[8]) {
#pragma HLS inline off
  i: for (int i = 0; i < 8; ++i) {
    q_out.write(A[i]);  // test_network_hls.py:128
  }
}

static void first(hls::stream<int32_t> &q, hls::stream<int32_t> &t, int32_t n) {
#pragma HLS inline off
  i0: for (int i0 = 0; i0 < 8; ++i0) {
    const int32_t t0 = q.read();  // test_network_hls.py:118
    t.write(t0 + n);  // test_network_hls.py:118
  }
}

static void second(hls::stream<int32_t> &t, hls::stream<int32_t> &r) {
#pragma HLS inline off
  i0: for (int i0 = 0; i0 < 8; ++i0) {
    const int32_t t1 = t.read();  // test_network_hls.py:120
    r.write(t1 * 2);  // test_network_hls.py:120
  }
}

static void stage(hls::stream<int32_t> &q, hls::stream<int32_t> &r, int32_t n) {
#pragma HLS inline off
#pragma HLS dataflow
  hls::stream<int32_t> t("t");
#pragma HLS stream variable=t depth=3
  first(q, t, n);  // test_network_hls.py:117
  second(t, r);  // test_network_hls.py:119
}

static void store(hls::stream<int32_t> &q_in, int32_t C[8]) {
#pragma HLS inline off
  i: for (int i = 0; i < 8; ++i) {
    const int32_t t0 = q_in.read();  // test_network_hls.py:132
    C[i] = t0;  // test_network_hls.py:132
  }
}

void of_networks(const int32_t A[8], int32_t C[8]) {
#pragma HLS dataflow
  hls::stream<int32_t> q[4];
#pragma HLS stream variable=q depth=2
  load(q[0], A);  // test_network_hls.py:127
  p: for (int p = 0; p < 3; ++p) {
#pragma HLS unroll
    stage(q[p], q[p + 1], p);  // test_network_hls.py:130
  }
  store(q[3], C);  // test_network_hls.py:131
}
