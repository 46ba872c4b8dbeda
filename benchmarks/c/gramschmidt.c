/* A = Q * R by modified Gram-Schmidt; the inner loops run along rows. */
#include <math.h>
#define ROOT(x) (sizeof(real) == 4 ? (real)sqrtf((float)(x)) : (real)sqrt((double)(x)))
void kernel(real A[restrict M][N], real R[restrict N][N], real Q[restrict M][N]) {
  for (int k = 0; k < N; ++k) {
    real norm = 0;
    for (int i = 0; i < M; ++i) norm += A[i][k] * A[i][k];
    R[k][k] = ROOT(norm);
    for (int i = 0; i < M; ++i) Q[i][k] = A[i][k] / R[k][k];
    for (int j = k + 1; j < N; ++j) R[k][j] = 0;
    for (int i = 0; i < M; ++i)
      for (int j = k + 1; j < N; ++j) R[k][j] += Q[i][k] * A[i][j];
    for (int i = 0; i < M; ++i)
      for (int j = k + 1; j < N; ++j) A[i][j] -= Q[i][k] * R[k][j];
  }
}
