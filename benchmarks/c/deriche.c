/* Recursive smoothing filter along rows, then along columns, as in the suite. */
#include <math.h>
void kernel(real alpha, const real imgIn[restrict W][H], real imgOut[restrict W][H], real y1[restrict W][H],
            real y2[restrict W][H]) {
  const real decay = (real)exp(-alpha);
  const real k = (1 - decay) * (1 - decay) / (1 + 2 * alpha * decay - (real)exp(2 * alpha));
  const real a1 = k, a2 = k * decay * (alpha - 1), a3 = k * decay * (alpha + 1);
  const real a4 = -k * (real)exp(-2 * alpha), b1 = (real)pow(2, -alpha), b2 = -(real)exp(-2 * alpha);
  for (int i = 0; i < W; ++i) {
    real x1 = 0, p1 = 0, p2 = 0;
    for (int j = 0; j < H; ++j) {
      y1[i][j] = a1 * imgIn[i][j] + a2 * x1 + b1 * p1 + b2 * p2;
      x1 = imgIn[i][j];
      p2 = p1;
      p1 = y1[i][j];
    }
  }
  for (int i = 0; i < W; ++i) {
    real x1 = 0, x2 = 0, p1 = 0, p2 = 0;
    for (int j = H - 1; j >= 0; --j) {
      y2[i][j] = a3 * x1 + a4 * x2 + b1 * p1 + b2 * p2;
      x2 = x1;
      x1 = imgIn[i][j];
      p2 = p1;
      p1 = y2[i][j];
    }
  }
  for (int i = 0; i < W; ++i)
    for (int j = 0; j < H; ++j) imgOut[i][j] = y1[i][j] + y2[i][j];
  for (int j = 0; j < H; ++j) {
    real x1 = 0, p1 = 0, p2 = 0;
    for (int i = 0; i < W; ++i) {
      y1[i][j] = a1 * imgOut[i][j] + a2 * x1 + b1 * p1 + b2 * p2;
      x1 = imgOut[i][j];
      p2 = p1;
      p1 = y1[i][j];
    }
  }
  for (int j = 0; j < H; ++j) {
    real x1 = 0, x2 = 0, p1 = 0, p2 = 0;
    for (int i = W - 1; i >= 0; --i) {
      y2[i][j] = a3 * x1 + a4 * x2 + b1 * p1 + b2 * p2;
      x2 = x1;
      x1 = imgOut[i][j];
      p2 = p1;
      p1 = y2[i][j];
    }
  }
  for (int i = 0; i < W; ++i)
    for (int j = 0; j < H; ++j) imgOut[i][j] = y1[i][j] + y2[i][j];
}
