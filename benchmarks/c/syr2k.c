/* The lower triangle of C = alpha * (A * transpose(B) + B * transpose(A)) + beta * C. */
void kernel(real alpha, real beta, real C[restrict N][N], const real A[restrict N][M],
            const real B[restrict N][M]) {
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j <= i; ++j) C[i][j] *= beta;
    for (int k = 0; k < M; ++k)
      for (int j = 0; j <= i; ++j) C[i][j] += A[j][k] * alpha * B[i][k] + B[j][k] * alpha * A[i][k];
  }
}
