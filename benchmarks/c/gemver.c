/* A += u1 * v1 + u2 * v2; x += beta * transpose(A) * y + z; w += alpha * A * x. */
void kernel(real alpha, real beta, real A[restrict N][N], const real u1[restrict N], const real v1[restrict N],
            const real u2[restrict N], const real v2[restrict N], real w[restrict N], real x[restrict N],
            const real y[restrict N], const real z[restrict N]) {
  for (int i = 0; i < N; ++i)
    for (int j = 0; j < N; ++j) A[i][j] = A[i][j] + u1[i] * v1[j] + u2[i] * v2[j];
  for (int j = 0; j < N; ++j)
    for (int i = 0; i < N; ++i) x[i] += beta * A[j][i] * y[j];
  for (int i = 0; i < N; ++i) x[i] += z[i];
  for (int i = 0; i < N; ++i) {
    real sum = w[i];
    for (int j = 0; j < N; ++j) sum += alpha * A[i][j] * x[j];
    w[i] = sum;
  }
}
