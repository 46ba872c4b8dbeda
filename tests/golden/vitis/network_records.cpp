// records: HLS C++ written by tracealloc from test_network_hls.py:136.
#include "records.h"

static void load(hls::stream<q_t> &q_out, const int16_t A[8], const int32_t B[8]) {
#pragma HLS inline off
  i: for (int i = 0; i < 8; ++i) {
    q_out.write(q_t{A[i], B[i]});  // test_network_hls.py:140
  }
}

static void turn(hls::stream<q_t> &q_in, hls::stream<q_t> &q_out) {
#pragma HLS inline off
  i0: for (int i0 = 0; i0 < 8; ++i0) {
    const q_t p = q_in.read();  // test_network_hls.py:142
    q_out.write(q_t{(int16_t)(p.x + 1), -p.y});  // test_network_hls.py:143
  }
}

static void store(hls::stream<q_t> &q_in, int32_t C[8]) {
#pragma HLS inline off
  i: for (int i = 0; i < 8; ++i) {
    const q_t p_1 = q_in.read();  // test_network_hls.py:145
    C[i] = p_1.x + p_1.y;  // test_network_hls.py:146
  }
}

void records(const int16_t A[8], const int32_t B[8], int32_t C[8]) {
#pragma HLS dataflow
  hls::stream<q_t> q[2];
#pragma HLS stream variable=q depth=2
  load(q[0], A, B);  // test_network_hls.py:139
  turn(q[0], q[1]);  // test_network_hls.py:141
  store(q[1], C);  // test_network_hls.py:144
}
