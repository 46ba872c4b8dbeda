/* s = transpose(A) * r and q = A * p in one pass over A. */
void kernel(const real A[restrict N][M], real s[restrict M], real q[restrict N], const real p[restrict M],
            const real r[restrict N]) {
  for (int i = 0; i < M; ++i) s[i] = 0;
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < M; ++j) s[j] += r[i] * A[i][j];
    real sum = 0;
    for (int j = 0; j < M; ++j) sum += A[i][j] * p[j];
    q[i] = sum;
  }
}
