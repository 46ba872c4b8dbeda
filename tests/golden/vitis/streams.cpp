// pass_on: HLS C++ written by tracealloc.
#include "pass_on.h"

void pass_on(const float x[8], float y[8]) {
  hls::stream<float> fifo("fifo");
#pragma HLS stream variable=fifo depth=4
  i: for (int i = 0; i < 8; ++i) {
#pragma HLS pipeline II=1
    fifo.write(x[i]);
  }
  j: for (int j = 0; j < 8; ++j) {
#pragma HLS pipeline II=1 rewind
    y[j] = fifo.read();
  }
}
