/* tmp = alpha * A * B, D = tmp * C + beta * D; the inner loops run along rows. */
void kernel(real alpha, real beta, real tmp[restrict NI][NJ], const real A[restrict NI][NK],
            const real B[restrict NK][NJ], const real C[restrict NJ][NL], real D[restrict NI][NL]) {
  for (int i = 0; i < NI; ++i) {
    for (int j = 0; j < NJ; ++j) tmp[i][j] = 0;
    for (int k = 0; k < NK; ++k)
      for (int j = 0; j < NJ; ++j) tmp[i][j] += alpha * A[i][k] * B[k][j];
  }
  for (int i = 0; i < NI; ++i) {
    for (int j = 0; j < NL; ++j) D[i][j] *= beta;
    for (int k = 0; k < NJ; ++k)
      for (int j = 0; j < NL; ++j) D[i][j] += tmp[i][k] * C[k][j];
  }
}
