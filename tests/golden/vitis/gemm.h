// gemm: HLS C++ written by tracealloc from gemm.py:4.
#pragma once

extern "C" void gemm(const float A[64][64], const float B[64][64], float C[64][64]);
