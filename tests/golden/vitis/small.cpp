// small: HLS C++ written by tracealloc.
#include "small.h"

#ifdef __SYNTHESIS__
#include "hls_math.h"
namespace math = hls;
#else
#include <cmath>
namespace math = std;
#endif

template <typename T>
static inline T maximum(T a, T b) {
  return b > a ? b : a;
}

void small(ap_fixed<12, 4, AP_RND, AP_SAT> x[8], half y[8], bfloat16 z[8]) {
  i: for (int i = 0; i < 8; ++i) {
    x[i] = x[i] + x[i] * x[i];
    y[i] += half(math::exp((float)y[i]));
    z[i] = maximum<bfloat16>(z[i] * z[i], bfloat16(0.25f));
  }
}
