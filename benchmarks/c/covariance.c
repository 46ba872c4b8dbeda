/* Covariance of the columns of data; all sums run over rows in the outer loop. */
void kernel(real float_n, real data[restrict N][M], real cov[restrict M][M], real mean[restrict M]) {
  for (int j = 0; j < M; ++j) mean[j] = 0;
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < M; ++j) mean[j] += data[i][j];
  for (int j = 0; j < M; ++j) mean[j] /= float_n;
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < M; ++j) data[i][j] -= mean[j];
  for (int i = 0; i < M; ++i) {
    for (int j = i; j < M; ++j) cov[i][j] = 0;
    for (int k = 0; k < N; ++k)
      for (int j = i; j < M; ++j) cov[i][j] += data[k][i] * data[k][j];
    for (int j = i; j < M; ++j) {
      cov[i][j] /= float_n - 1;
      cov[j][i] = cov[i][j];
    }
  }
}
