// through_queues: HLS C++ written by tracealloc from test_network_hls.py:88.
#include "through_queues.h"

static void load(hls::stream<int32_t> &q, const int32_t A[16]) {
#pragma HLS inline off
  i: for (int i = 0; i < 16; ++i) {
    q.write(A[i]);  // test_network_hls.py:93
  }
}

static void compute(hls::stream<int32_t> &q, hls::stream<int32_t> &r, int32_t n) {
#pragma HLS inline off
  i: for (int i = 0; i < 16; ++i) {
    const int32_t t0 = q.read();  // test_network_hls.py:95
    r.write(t0 * n + i);  // test_network_hls.py:95
  }
}

static void store(hls::stream<int32_t> &r, int32_t C[16]) {
#pragma HLS inline off
  i: for (int i = 0; i < 16; ++i) {
    const int32_t t1 = r.read();  // test_network_hls.py:97
    C[i] = t1;  // test_network_hls.py:97
  }
}

void through_queues(const int32_t A[16], int32_t C[16], int32_t n) {
#pragma HLS dataflow
  hls::stream<int32_t> q("q");
#pragma HLS stream variable=q depth=4
  hls::stream<int32_t> r("r");
#pragma HLS stream variable=r depth=2
  load(q, A);  // test_network_hls.py:92
  compute(q, r, n);  // test_network_hls.py:94
  store(r, C);  // test_network_hls.py:96
}
