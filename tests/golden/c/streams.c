// pass_on: written by tracealloc.
// Compile with -fwrapv -ffp-contract=off.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

// A queue in a ring of `capacity` elements, a power of two; `missed` counts what was read of it while empty.
typedef struct {
  int32_t *data;
  int64_t head, count, capacity, missed;
} ta_fifo_int32_t;
static inline void ta_fifo_int32_t_put(ta_fifo_int32_t *f, int32_t x, int *status) {
  if (f->count == f->capacity) {
    const int64_t capacity = f->capacity ? 2 * f->capacity : 64;
    int32_t *data = malloc(capacity * sizeof(int32_t));
    if (!data) {
      *status |= 1;
      return;
    }
    for (int64_t i = 0; i < f->count; ++i) data[i] = f->data[(f->head + i) & (f->capacity - 1)];
    free(f->data);
    f->data = data;
    f->head = 0;
    f->capacity = capacity;
  }
  f->data[(f->head + f->count++) & (f->capacity - 1)] = x;
}
static inline int32_t ta_fifo_int32_t_get(ta_fifo_int32_t *f, int *status) {
  if (f->count == 0) {
    ++f->missed;
    *status |= 2;
    return (int32_t){0};
  }
  const int32_t x = f->data[f->head];
  f->head = (f->head + 1) & (f->capacity - 1);
  --f->count;
  return x;
}

static __attribute__((noinline)) int reader(ta_fifo_int32_t *s, int32_t *restrict out) {
  int status = 0;
  for (int j = 0; j < 100; ++j) {
    const int32_t v = ta_fifo_int32_t_get(s, &status);
    out[j] = v * 2;
  }
  return status;
}

int pass_on(const int32_t *restrict x, int32_t *restrict y) {
  int status = 0;
  ta_fifo_int32_t fifo[2] = {0};
  for (int i = 0; i < 100; ++i) {
    ta_fifo_int32_t_put(&fifo[1], x[i], &status);
  }
  status |= reader(&fifo[1], y);
  for (int64_t e = 0; e < 2; ++e) {
    if (fifo[e].count) status |= 4;
  }
  for (int64_t e = 0; e < 2; ++e) {
    free(fifo[e].data);
  }
  return status;
}
