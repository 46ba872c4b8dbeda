/* C = alpha * A * B + beta * C; the inner loop runs along rows. */
void kernel(real alpha, real beta, real C[restrict NI][NJ], const real A[restrict NI][NK],
            const real B[restrict NK][NJ]) {
  for (int i = 0; i < NI; ++i) {
    for (int j = 0; j < NJ; ++j) C[i][j] *= beta;
    for (int k = 0; k < NK; ++k)
      for (int j = 0; j < NJ; ++j) C[i][j] += alpha * A[i][k] * B[k][j];
  }
}
