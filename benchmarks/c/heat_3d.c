/* Heat equation on a cube, from A to B and back. */
#define EIGHTH ((real)0.125)
static void sweep(real to[restrict N][N][N], const real from[restrict N][N][N]) {
  for (int i = 1; i < N - 1; ++i)
    for (int j = 1; j < N - 1; ++j)
      for (int k = 1; k < N - 1; ++k)
        to[i][j][k] = EIGHTH * (from[i + 1][j][k] - 2 * from[i][j][k] + from[i - 1][j][k]) +
                      EIGHTH * (from[i][j + 1][k] - 2 * from[i][j][k] + from[i][j - 1][k]) +
                      EIGHTH * (from[i][j][k + 1] - 2 * from[i][j][k] + from[i][j][k - 1]) + from[i][j][k];
}
void kernel(real A[restrict N][N][N], real B[restrict N][N][N]) {
  for (int t = 0; t < TSTEPS; ++t) {
    sweep(B, A);
    sweep(A, B);
  }
}
