/* tmp = A * x, y = transpose(A) * tmp, row by row. */
void kernel(const real A[restrict M][N], const real x[restrict N], real y[restrict N], real tmp[restrict M]) {
  for (int j = 0; j < N; ++j) y[j] = 0;
  for (int i = 0; i < M; ++i) {
    real sum = 0;
    for (int j = 0; j < N; ++j) sum += A[i][j] * x[j];
    tmp[i] = sum;
    for (int j = 0; j < N; ++j) y[j] += A[i][j] * sum;
  }
}
