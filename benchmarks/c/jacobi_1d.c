/* Three-point average, from A to B and back. */
#define THIRD ((real)0.33333)
static void sweep(real to[restrict N], const real from[restrict N]) {
  for (int i = 1; i < N - 1; ++i) to[i] = THIRD * (from[i - 1] + from[i] + from[i + 1]);
}
void kernel(real A[restrict N], real B[restrict N]) {
  for (int t = 0; t < TSTEPS; ++t) {
    sweep(B, A);
    sweep(A, B);
  }
}
