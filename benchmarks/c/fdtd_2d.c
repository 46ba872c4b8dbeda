/* Two-dimensional finite-difference time domain. */
#define HALF ((real)0.5)
#define SEVEN_TENTHS ((real)0.7)
void kernel(real ex[restrict NX][NY], real ey[restrict NX][NY], real hz[restrict NX][NY],
            const real fict[restrict TMAX]) {
  for (int t = 0; t < TMAX; ++t) {
    for (int j = 0; j < NY; ++j) ey[0][j] = fict[t];
    for (int i = 1; i < NX; ++i)
      for (int j = 0; j < NY; ++j) ey[i][j] -= HALF * (hz[i][j] - hz[i - 1][j]);
    for (int i = 0; i < NX; ++i)
      for (int j = 1; j < NY; ++j) ex[i][j] -= HALF * (hz[i][j] - hz[i][j - 1]);
    for (int i = 0; i < NX - 1; ++i)
      for (int j = 0; j < NY - 1; ++j)
        hz[i][j] -= SEVEN_TENTHS * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
  }
}
