/* C = alpha * S * B + beta * C, S symmetric in the lower triangle of A; a row of sums at a time. */
void kernel(real alpha, real beta, real C[restrict M][N], const real A[restrict M][M],
            const real B[restrict M][N]) {
  real sum[N];
  for (int i = 0; i < M; ++i) {
    for (int j = 0; j < N; ++j) sum[j] = 0;
    for (int k = 0; k < i; ++k)
      for (int j = 0; j < N; ++j) {
        C[k][j] += alpha * B[i][j] * A[i][k];
        sum[j] += B[k][j] * A[i][k];
      }
    for (int j = 0; j < N; ++j) C[i][j] = beta * C[i][j] + alpha * B[i][j] * A[i][i] + alpha * sum[j];
  }
}
