/* Loops bounded by scalars, and tiled loops, as one writes them by hand. */
#include <stdint.h>
#define MIN(a, b) ((a) < (b) ? (a) : (b))

void saxpy(int64_t n, float a, const float *restrict x, float *restrict y) {
  for (int64_t i = 0; i < n; ++i) y[i] += a * x[i];
}
void prefix(int64_t n, const int32_t *restrict x, int32_t *restrict y) {
  int32_t sum = 0;
  for (int64_t i = 0; i < n; ++i) y[i] = sum += x[i];
}
void gemv(int64_t m, int64_t n, const float (*restrict A)[1024], const float *restrict x, float *restrict y) {
  for (int64_t i = 0; i < m; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += A[i][j] * x[j];
    y[i] = sum;
  }
}
void spmv(const int32_t *restrict start, const int32_t *restrict column, const float *restrict value,
          const float *restrict x, float *restrict y) {
  for (int i = 0; i < 65536; ++i) {
    float sum = 0;
    for (int k = start[i]; k < start[i + 1]; ++k) sum += value[k] * x[column[k]];
    y[i] = sum;
  }
}
void histogram(int64_t n, const uint8_t *restrict data, int32_t *restrict count) {
  for (int64_t i = 0; i < n; ++i) count[data[i]] += 1;
}
void image(int64_t h, int64_t w, const uint8_t (*restrict from)[1920], uint8_t (*restrict to)[1920]) {
  for (int64_t y = 0; y < h; ++y)
    for (int64_t x = 1; x < w - 1; ++x) to[y][x] = (from[y][x - 1] + 2 * from[y][x] + from[y][x + 1]) >> 2;
}

/* A step of a 5-point stencil, in tiles of 64 x 256. */
void stencil(const float (*restrict A)[1300], float (*restrict B)[1300]) {
  for (int I = 1; I < 1299; I += 64)
    for (int J = 1; J < 1299; J += 256)
      for (int i = I; i < MIN(I + 64, 1299); ++i)
        for (int j = J; j < MIN(J + 256, 1299); ++j)
          B[i][j] = 0.2f * (A[i][j] + A[i][j - 1] + A[i][j + 1] + A[i - 1][j] + A[i + 1][j]);
}
/* A convolution of 16 channels to 32, 8 x 16 results at a time. */
void convolution(const float (*restrict X)[64][64], const float (*restrict K)[16][3][3],
                 float (*restrict Y)[62][62]) {
  for (int O = 0; O < 32; O += 8)
    for (int y = 0; y < 62; ++y)
      for (int J = 0; J < 62; J += 16) {
        float part[8][16];
        const int n = MIN(16, 62 - J);
        for (int o = 0; o < 8; ++o)
          for (int x = 0; x < n; ++x) part[o][x] = Y[O + o][y][J + x];
        for (int c = 0; c < 16; ++c)
          for (int ky = 0; ky < 3; ++ky)
            for (int kx = 0; kx < 3; ++kx)
              for (int o = 0; o < 8; ++o)
                for (int x = 0; x < n; ++x) part[o][x] += X[c][y + ky][J + x + kx] * K[O + o][c][ky][kx];
        for (int o = 0; o < 8; ++o)
          for (int x = 0; x < n; ++x) Y[O + o][y][J + x] = part[o][x];
      }
}
