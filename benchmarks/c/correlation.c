/* Correlation of the columns of data; all sums run over rows in the outer loop. */
#include <math.h>
#define ROOT(x) (sizeof(real) == 4 ? (real)sqrtf((float)(x)) : (real)sqrt((double)(x)))
void kernel(real float_n, real data[restrict N][M], real corr[restrict M][M], real mean[restrict M],
            real stddev[restrict M]) {
  for (int j = 0; j < M; ++j) mean[j] = 0;
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < M; ++j) mean[j] += data[i][j];
  for (int j = 0; j < M; ++j) mean[j] /= float_n;
  for (int j = 0; j < M; ++j) stddev[j] = 0;
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < M; ++j) stddev[j] += (data[i][j] - mean[j]) * (data[i][j] - mean[j]);
  for (int j = 0; j < M; ++j) {
    stddev[j] = ROOT(stddev[j] / float_n);
    if (stddev[j] <= (real)0.1) stddev[j] = 1;
  }
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < M; ++j) {
      data[i][j] -= mean[j];
      data[i][j] /= ROOT(float_n) * stddev[j];
    }
  for (int i = 0; i < M - 1; ++i) {
    corr[i][i] = 1;
    for (int j = i + 1; j < M; ++j) corr[i][j] = 0;
    for (int k = 0; k < N; ++k)
      for (int j = i + 1; j < M; ++j) corr[i][j] += data[k][i] * data[k][j];
    for (int j = i + 1; j < M; ++j) corr[j][i] = corr[i][j];
  }
  corr[M - 1][M - 1] = 1;
}
