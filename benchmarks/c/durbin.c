/* Levinson-Durbin recursion. */
void kernel(const real r[restrict N], real y[restrict N]) {
  real z[N], beta = 1, alpha = -r[0];
  y[0] = -r[0];
  for (int k = 1; k < N; ++k) {
    beta = (1 - alpha * alpha) * beta;
    real sum = 0;
    for (int i = 0; i < k; ++i) sum += r[k - i - 1] * y[i];
    alpha = -(r[k] + sum) / beta;
    for (int i = 0; i < k; ++i) z[i] = y[i] + alpha * y[k - i - 1];
    for (int i = 0; i < k; ++i) y[i] = z[i];
    y[k] = alpha;
  }
}
