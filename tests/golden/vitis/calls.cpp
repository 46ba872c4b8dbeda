// caller: HLS C++ written by tracealloc.
#include "caller.h"

static void scale(const float v[4], float w[4], float f) {
#pragma HLS inline off
#pragma HLS array_partition variable=v type=complete dim=1
#pragma HLS array_partition variable=w type=complete dim=1
  i: for (int i = 0; i < 4; ++i) {
#pragma HLS unroll
    w[i] = v[i] * f;
  }
}

void caller(const float A[4][4], float B[4][4]) {
#pragma HLS interface mode=m_axi port=A offset=slave bundle=gmem_A depth=16
#pragma HLS interface mode=ap_memory port=B storage_type=ram_2p storage_impl=uram
#pragma HLS interface mode=s_axilite port=return
#pragma HLS array_partition variable=B type=block factor=2 dim=1
#pragma HLS array_partition variable=B type=complete dim=2
  float A_local[4][4];  // buffer of A
#pragma HLS array_partition variable=A_local type=complete dim=2
  A_in_0: for (int A_in_0 = 0; A_in_0 < 4; ++A_in_0) {
    A_in_1: for (int A_in_1 = 0; A_in_1 < 4; ++A_in_1) {
#pragma HLS pipeline II=1
      A_local[A_in_0][A_in_1] = A[A_in_0][A_in_1];
    }
  }
  float tmp[4];
#pragma HLS bind_storage variable=tmp type=ram_1p impl=lutram
  j: for (int j = 0; j < 4; ++j) {
#pragma HLS dataflow
    scale(A_local[j], tmp, 2.0f);
    float B_view[4];  // copy of a view of B
    read_B_view: for (int e0 = 0; e0 < 4; ++e0) {
#pragma HLS pipeline II=1
      B_view[e0] = B[e0][j];
    }
    scale(tmp, B_view, 0.5f);  // calls.py:9
    write_B_view: for (int e0 = 0; e0 < 4; ++e0) {
#pragma HLS pipeline II=1
      B[e0][j] = B_view[e0];
    }
  }
}
