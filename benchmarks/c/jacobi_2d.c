/* Five-point average, from A to B and back. */
#define FIFTH ((real)0.2)
static void sweep(real to[restrict N][N], const real from[restrict N][N]) {
  for (int i = 1; i < N - 1; ++i)
    for (int j = 1; j < N - 1; ++j)
      to[i][j] = FIFTH * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i + 1][j] + from[i - 1][j]);
}
void kernel(real A[restrict N][N], real B[restrict N][N]) {
  for (int t = 0; t < TSTEPS; ++t) {
    sweep(B, A);
    sweep(A, B);
  }
}
