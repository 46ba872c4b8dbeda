/* A = L * transpose(L) in place, row by row; sums in registers. */
#include <math.h>
#define ROOT(x) (sizeof(real) == 4 ? (real)sqrtf((float)(x)) : (real)sqrt((double)(x)))
void kernel(real A[restrict N][N]) {
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < i; ++j) {
      real sum = A[i][j];
      for (int k = 0; k < j; ++k) sum -= A[i][k] * A[j][k];
      A[i][j] = sum / A[j][j];
    }
    real sum = A[i][i];
    for (int k = 0; k < i; ++k) sum -= A[i][k] * A[i][k];
    A[i][i] = ROOT(sum);
  }
}
