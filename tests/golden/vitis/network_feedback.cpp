// feedback: HLS C++ written by tracealloc from test_network_hls.py:160.
#include "feedback.h"

static void ask(
    hls::stream<int32_t> &there,
    const int32_t A[8],
    hls::stream<int32_t> &back,
    int32_t C[8]) {
#pragma HLS inline off
  i: for (int i = 0; i < 8; ++i) {
    there.write(A[i]);  // test_network_hls.py:165
    const int32_t t0 = back.read();  // test_network_hls.py:166
    C[i] = t0;  // test_network_hls.py:166
  }
}

static void answer(hls::stream<int32_t> &there, hls::stream<int32_t> &back) {
#pragma HLS inline off
  i0: for (int i0 = 0; i0 < 8; ++i0) {
    const int32_t t1 = there.read();  // test_network_hls.py:168
    back.write(t1 * 3);  // test_network_hls.py:168
  }
}

void feedback(const int32_t A[8], int32_t C[8]) {
#pragma HLS dataflow
  hls::stream<int32_t> there("there");
#pragma HLS stream variable=there depth=1
  hls::stream<int32_t> back("back");
#pragma HLS stream variable=back depth=1
  ask(there, A, back, C);  // test_network_hls.py:164
  answer(there, back);  // test_network_hls.py:167
}
