/* LU decomposition in place, row by row. */
void kernel(real A[restrict N][N]) {
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < i; ++j) {
      real sum = A[i][j];
      for (int k = 0; k < j; ++k) sum -= A[i][k] * A[k][j];
      A[i][j] = sum / A[j][j];
    }
    for (int k = 0; k < i; ++k)
      for (int j = i; j < N; ++j) A[i][j] -= A[i][k] * A[k][j];
  }
}
