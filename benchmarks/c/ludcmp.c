/* Solve A * x = b: LU decomposition in place, forward and backward substitution. */
void kernel(real A[restrict N][N], const real b[restrict N], real x[restrict N], real y[restrict N]) {
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < i; ++j) {
      real w = A[i][j];
      for (int k = 0; k < j; ++k) w -= A[i][k] * A[k][j];
      A[i][j] = w / A[j][j];
    }
    for (int k = 0; k < i; ++k)
      for (int j = i; j < N; ++j) A[i][j] -= A[i][k] * A[k][j];
  }
  for (int i = 0; i < N; ++i) {
    real w = b[i];
    for (int j = 0; j < i; ++j) w -= A[i][j] * y[j];
    y[i] = w;
  }
  for (int i = N - 1; i >= 0; --i) {
    real w = y[i];
    for (int j = i + 1; j < N; ++j) w -= A[i][j] * x[j];
    x[i] = w / A[i][i];
  }
}
