/* x1 += A * y_1 and x2 += transpose(A) * y_2. */
void kernel(real x1[restrict N], real x2[restrict N], const real y_1[restrict N], const real y_2[restrict N],
            const real A[restrict N][N]) {
  for (int i = 0; i < N; ++i) {
    real sum = x1[i];
    for (int j = 0; j < N; ++j) sum += A[i][j] * y_1[j];
    x1[i] = sum;
  }
  for (int j = 0; j < N; ++j)
    for (int i = 0; i < N; ++i) x2[i] += A[j][i] * y_2[j];
}
