/* y = alpha * A * x + beta * B * x. */
void kernel(real alpha, real beta, const real A[restrict N][N], const real B[restrict N][N],
            real tmp[restrict N], const real x[restrict N], real y[restrict N]) {
  for (int i = 0; i < N; ++i) {
    real left = 0, right = 0;
    for (int j = 0; j < N; ++j) {
      left += A[i][j] * x[j];
      right += B[i][j] * x[j];
    }
    tmp[i] = left;
    y[i] = alpha * left + beta * right;
  }
}
