// mixed: HLS C++ written by tracealloc from mixed.py:1.
#pragma once

#include <cstdint>
#include "ap_int.h"

struct p_t {
  float re;
  ap_int<5> count;
};

extern "C" void mixed(p_t p[6], int16_t x[6], int16_t n, int32_t *total_result);
