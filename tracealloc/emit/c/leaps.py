"""The C text that leaps over what a network does over and over.

Where the whole state comes back, all times later by the same number of cycles and the counted pipelines some
iterations further, what follows is what followed before, so often until a pipeline ends: nothing else that a
process does depends on the number of its iteration. A state is what decides how a run in turn goes on: where
each process stands, whose turn it is, what is in the queues, and all times that count. What did nothing
between the two is as it was, and stays so.

States are compared when one process, the one that came first, begins an iteration: with the state of the 1st,
2nd, 4th, 8th, ... such time (R. P. Brent's way to find a period).
"""

from __future__ import annotations

__all__ = ["LEAPS"]

LEAPS = r"""
// A state: words that must be the same, and times, which may all be later; counts, which go on.
typedef struct {
  int64_t *words, *times, *counts;
  int n_words, n_times, n_counts, room, rows;
  int *word_at, *time_at, *count_at;  // where those of each process and queue begin
} ta_state;
static _Thread_local ta_state ta_then, ta_now_state;
static _Thread_local int64_t ta_seen, ta_next_look, ta_who, ta_then_at, ta_then_seen;
#define TA_VISITS 24
#define ta_queue(k) ((ta_fifo_int8_t *)ta_list[k])
static void ta_put_word(ta_state *s, int64_t x) { s->words[s->n_words++] = x; }
static void ta_put_time(ta_state *s, int64_t x) { s->times[s->n_times++] = x; }
static void ta_row(ta_state *s) {
  s->word_at[s->rows] = s->n_words;
  s->time_at[s->rows] = s->n_times;
  s->count_at[s->rows++] = s->n_counts;
}
static bool ta_room_for(ta_state *s, int64_t size) {
  s->n_words = s->n_times = s->n_counts = s->rows = 0;
  if (size <= s->room) return true;
  int64_t *words = realloc(s->words, size * sizeof *words);
  if (words) s->words = words;
  int64_t *times = realloc(s->times, size * sizeof *times);
  if (times) s->times = times;
  int64_t *counts = realloc(s->counts, size * sizeof *counts);
  if (counts) s->counts = counts;
  int *at[3] = {s->word_at, s->time_at, s->count_at};
  bool all = words && times && counts;
  for (int k = 0; k < 3; ++k) {
    int *found = realloc(at[k], size * sizeof(int));
    if (found) at[k] = found;
    all = all && found;
  }
  s->word_at = at[0];
  s->time_at = at[1];
  s->count_at = at[2];
  if (all) s->room = size;
  return all;
}
static void ta_look_anew(void) {
  ta_then.rows = 0;
  ta_seen = ta_who = 0;
  ta_next_look = 1;
}
static void ta_process_state(ta_state *s, const ta_process *p) {
  const ta_pipe *q = p->clock.pipe;
  ta_row(s);
  ta_put_word(s, p->run != NULL);
  if (p->run) {
    const bool waits = p->turn == 0;  // in no list of those whose turn it is
    ta_put_word(s, p->turn);
    ta_put_word(s, p->turn < 0 ? 0 : (intptr_t)p->waits);
    ta_put_word(s, p->turn < 0 ? 0 : p->waited);
    ta_put_word(s, waits && p->patient ? (intptr_t)p->before : 0);
    ta_put_word(s, waits && p->patient ? (intptr_t)p->behind : 0);
    ta_put_word(s, (intptr_t)q);
    ta_put_time(s, p->clock.now);
    ta_put_time(s, p->clock.begun);
    if (q) {
      const int64_t valid = q->count < q->flight ? q->count : q->flight;
      ta_put_word(s, valid);
      ta_put_time(s, q->next);
      for (int64_t k = q->flight - valid; k < q->flight; ++k)
        ta_put_time(s, q->began[(q->at + k) % q->flight]);
      s->counts[s->n_counts++] = *q->counter;
      s->counts[s->n_counts++] = p->clock.stood;
      s->counts[s->n_counts++] = p->clock.until;
    }
  }
}
static void ta_queue_state(ta_state *s, const ta_fifo_int8_t *f) {
  ta_row(s);
  ta_put_word(s, f->count);
  ta_put_word(s, (intptr_t)f->taker);
  ta_put_word(s, (intptr_t)f->giver);
  ta_put_word(s, f->puts - f->seen_puts);
  ta_put_word(s, f->takes - f->seen_takes);
  ta_put_word(s, f->met);
  ta_put_word(s, f->soft);
  ta_put_word(s, f->fill);
  ta_put_time(s, f->put_last);
  ta_put_time(s, f->taken_last);
  for (int64_t k = 0; k < f->count; ++k)
    ta_put_time(s, f->put_at ? f->put_at[(f->head + k) & (f->capacity - 1)] : 0);
  int64_t from = f->takes - f->limit;
  if (from > f->seen_takes) from = f->seen_takes;
  if (from < 0) from = 0;
  ta_put_word(s, f->takes - from);
  for (int64_t k = from; k < f->takes; ++k) ta_put_time(s, f->taken_at[k & (f->last - 1)]);
  s->counts[s->n_counts++] = f->puts;
  s->counts[s->n_counts++] = f->takes;
  s->counts[s->n_counts++] = f->full;
  s->counts[s->n_counts++] = f->empty;
}
static bool ta_look(ta_state *s) {
  int64_t size = 64, turn = 0;
  for (ta_group *g = ta_here->networks; g; g = g->older)
    for (ta_process *p = g->all; p; p = p->older) {
      size += 20 + (p->run && p->clock.pipe ? p->clock.pipe->flight : 0);
      p->turn = 0;
    }
  for (int k = 0; k < ta_listed; ++k) {
    const ta_fifo_int8_t *f = ta_queue(k);
    size += 24 + f->count + (f->limit > f->takes - f->seen_takes ? f->limit : f->takes - f->seen_takes);
  }
  if (!ta_room_for(s, size)) return false;
  for (ta_process *p = ta_here->first; p; p = p->next) p->turn = ++turn;
  ta_here->now->turn = -1;
  for (ta_group *g = ta_here->networks; g; g = g->older) {
    ta_row(s);
    ta_put_word(s, g->left);
    for (ta_process *p = g->all; p; p = p->older) ta_process_state(s, p);
  }
  for (int k = 0; k < ta_listed; ++k) ta_queue_state(s, ta_queue(k));
  ta_row(s);
  return true;
}
// Of a row of two states: 0, it is as it was; 1, its times are all later by `late`; -1, neither.
static int ta_row_again(const ta_state *a, const ta_state *b, int row, int64_t late) {
  const int words = a->word_at[row + 1] - a->word_at[row], times = a->time_at[row + 1] - a->time_at[row];
  if (words != b->word_at[row + 1] - b->word_at[row]) return -1;
  if (times != b->time_at[row + 1] - b->time_at[row]) return -1;
  if (memcmp(a->words + a->word_at[row], b->words + b->word_at[row], words * sizeof(int64_t))) return -1;
  const int64_t *x = a->times + a->time_at[row], *y = b->times + b->time_at[row];
  bool same = true, later = true;
  for (int k = 0; k < times; ++k) {
    same = same && y[k] == x[k];
    later = later && y[k] == x[k] + late;
  }
  const int counts = a->count_at[row + 1] - a->count_at[row];
  const int64_t *m = a->counts + a->count_at[row], *n = b->counts + b->count_at[row];
  if (same && !memcmp(m, n, counts * sizeof(int64_t))) return 0;
  return later ? 1 : -1;
}
// How often the state can come back before a pipeline ends; 0 where it is another one.
static int64_t ta_often(const ta_state *a, const ta_state *b, int64_t late) {
  if (a->rows != b->rows || a->n_words != b->n_words || late <= 0) return 0;
  int64_t often = INT64_MAX, grain = 1;
  int row = 0;
  for (ta_group *g = ta_here->networks; g; g = g->older) {
    if (ta_row_again(a, b, row++, late) < 0) return 0;
    for (ta_process *p = g->all; p; p = p->older, ++row) {
      const int again = ta_row_again(a, b, row, late);
      if (again < 0) return 0;
      if (again == 0) continue;
      const ta_pipe *q = p->clock.pipe;
      if (!p->run || !q) return 0;  // what it does may depend on where it is
      const int64_t steps = b->counts[b->count_at[row]] - a->counts[a->count_at[row]];
      if (steps <= 0) return 0;
      const int64_t more = (q->stop - 2 - *q->counter) / steps;
      if (more < often) often = more;
    }
  }
  for (int k = 0; k < ta_listed; ++k, ++row) {
    const int again = ta_row_again(a, b, row, late);
    if (again < 0) return 0;
    if (again && ta_queue(k)->last > grain) grain = ta_queue(k)->last;
  }
  return often == INT64_MAX || often <= 0 ? 0 : often - often % grain;
}
static void ta_leap(const ta_state *a, const ta_state *b, int64_t late, int64_t often) {
  int row = 0;
  const int64_t by = late * often;
  for (ta_group *g = ta_here->networks; g; g = g->older) {
    ++row;
    for (ta_process *p = g->all; p; p = p->older, ++row) {
      if (ta_row_again(a, b, row, late) != 1) continue;
      ta_pipe *q = p->clock.pipe;
      p->clock.now += by;
      p->clock.begun += by;
      q->next += by;
      q->entered += by;
      for (int64_t i = 0; i < q->flight; ++i) q->began[i] += by;
      const int64_t *m = a->counts + a->count_at[row], *n = b->counts + b->count_at[row];
      *q->counter += often * (n[0] - m[0]);
      p->clock.stood += often * (n[1] - m[1]);
      p->clock.until += often * (n[2] - m[2]);
    }
  }
  for (int k = 0; k < ta_listed; ++k, ++row) {
    if (ta_row_again(a, b, row, late) != 1) continue;
    ta_fifo_int8_t *f = ta_queue(k);
    const int64_t *m = a->counts + a->count_at[row], *n = b->counts + b->count_at[row];
    f->put_last += by;
    f->taken_last += by;
    for (int64_t i = 0; f->put_at && i < f->capacity; ++i) f->put_at[i] += by;
    for (int64_t i = 0; i < f->last; ++i) f->taken_at[i] += by;
    f->puts += often * (n[0] - m[0]);
    f->seen_puts += often * (n[0] - m[0]);
    f->takes += often * (n[1] - m[1]);
    f->seen_takes += often * (n[1] - m[1]);
    f->full += often * (n[2] - m[2]);
    f->empty += often * (n[3] - m[3]);
  }
  ta_leapt += by;
}
static __attribute__((noinline)) void ta_look_again(ta_clock *c) {
  const int64_t visit = ++ta_seen;
  if (ta_then.rows && visit - ta_then_seen <= TA_VISITS && ta_look(&ta_now_state)) {
    const int64_t late = c->now - ta_then_at, often = ta_often(&ta_then, &ta_now_state, late);
    if (often) {
      ta_leap(&ta_then, &ta_now_state, late, often);
      ta_look_anew();
      return;
    }
  }
  if (visit == ta_next_look) {
    ta_next_look = 2 * visit;
    ta_then_seen = visit;
    ta_then_at = c->now;
    if (!ta_look(&ta_then)) ta_then.rows = 0;
  }
}
static inline void ta_again(ta_clock *c) {
  if (!ta_here->now) return;
  if (!ta_who) ta_who = c->id;
  if (ta_who == c->id && c->pipe) ta_look_again(c);
}"""
