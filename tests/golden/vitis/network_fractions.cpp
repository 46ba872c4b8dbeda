// fractions: HLS C++ written by tracealloc from test_network_hls.py:150.
#include "fractions.h"

// A real number as a fixed-point number; 0 for infinities and NaN.
template <typename T>
static inline T fixed_from(double x) {
  return x - x == 0.0 ? T(x) : T(0);
}

static void load(hls::stream<ap_fixed<16, 8>> &q, const ap_fixed<16, 8> A[8]) {
#pragma HLS inline off
  i: for (int i = 0; i < 8; ++i) {
    q.write(fixed_from<ap_fixed<16, 8>>(A[i].to_double() * 0.5));  // test_network_hls.py:154
  }
}

static void store(hls::stream<ap_fixed<16, 8>> &q, ap_fixed<16, 8> C[8]) {
#pragma HLS inline off
  i: for (int i = 0; i < 8; ++i) {
    const ap_fixed<16, 8> t0 = q.read();  // test_network_hls.py:156
    C[i] = t0 + ap_ufixed<1, 1>(1);  // test_network_hls.py:156
  }
}

void fractions(const ap_fixed<16, 8> A[8], ap_fixed<16, 8> C[8]) {
#pragma HLS dataflow
  hls::stream<ap_fixed<16, 8>> q("q");
#pragma HLS stream variable=q depth=1
  load(q, A);  // test_network_hls.py:153
  store(q, C);  // test_network_hls.py:155
}
