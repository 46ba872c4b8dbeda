// small: HLS C++ written by tracealloc.
#pragma once

#include "ap_fixed.h"
#include "hls_half.h"
#include "tracealloc_bfloat16.h"

extern "C" void small(ap_fixed<12, 4, AP_RND, AP_SAT> x[8], half y[8], bfloat16 z[8]);
