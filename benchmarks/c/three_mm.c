/* E = A * B, F = C * D, G = E * F; the inner loops run along rows. */
void kernel(real E[restrict NI][NJ], const real A[restrict NI][NK], const real B[restrict NK][NJ],
            real F[restrict NJ][NL], const real C[restrict NJ][NM], const real D[restrict NM][NL],
            real G[restrict NI][NL]) {
  for (int i = 0; i < NI; ++i) {
    for (int j = 0; j < NJ; ++j) E[i][j] = 0;
    for (int k = 0; k < NK; ++k)
      for (int j = 0; j < NJ; ++j) E[i][j] += A[i][k] * B[k][j];
  }
  for (int i = 0; i < NJ; ++i) {
    for (int j = 0; j < NL; ++j) F[i][j] = 0;
    for (int k = 0; k < NM; ++k)
      for (int j = 0; j < NL; ++j) F[i][j] += C[i][k] * D[k][j];
  }
  for (int i = 0; i < NI; ++i) {
    for (int j = 0; j < NL; ++j) G[i][j] = 0;
    for (int k = 0; k < NJ; ++k)
      for (int j = 0; j < NL; ++j) G[i][j] += E[i][k] * F[k][j];
  }
}
