/* B = alpha * transpose(L) * B, L unit lower triangular; the inner loop runs along rows of B. */
void kernel(real alpha, const real A[restrict M][M], real B[restrict M][N]) {
  for (int i = 0; i < M; ++i) {
    for (int k = i + 1; k < M; ++k)
      for (int j = 0; j < N; ++j) B[i][j] += A[k][i] * B[k][j];
    for (int j = 0; j < N; ++j) B[i][j] *= alpha;
  }
}
