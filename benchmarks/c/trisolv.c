/* Forward substitution L * x = b. */
void kernel(const real L[restrict N][N], real x[restrict N], const real b[restrict N]) {
  for (int i = 0; i < N; ++i) {
    real sum = b[i];
    for (int j = 0; j < i; ++j) sum -= L[i][j] * x[j];
    x[i] = sum / L[i][i];
  }
}
