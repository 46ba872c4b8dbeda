// gemm: HLS C++ written by tracealloc from gemm.py:4.
#pragma once

extern "C" void gemm(const float A[4][4], const float B[4][8], float C[4][8]);
