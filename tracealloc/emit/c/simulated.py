"""The C text of a clock: what a program that is simulated does beside computing its values.

Each process has a clock: ``now`` is when its iteration, or its straight piece of text, would have begun
had it never stood still on the way. An access in stage s happens at ``now + s``; what it must wait for is
added to ``now``, so that all that comes after it in the iteration is as much later. The next iteration is
later only if it would overtake: in the first stage that uses a queue, or because the places between that
stage and the last are taken. So pipelines drain, as those of styles ``frp`` and ``flp`` do.

A pipeline of style ``stp`` stands still as a whole: what one iteration waits for makes all wait. There a put
is held until the iterations behind it have taken what they take in earlier cycles. What a stage takes and
puts happens at once, once all of it can; elsewhere than in ``stp`` this never makes a network wait for ever
that does not without: who would rather wait goes on when nobody else can.

A queue knows when each of its elements was put, and when the last were taken: an element can be taken
``delay`` cycles after it was put; where there is room for d, the k-th is put after the (k - d)-th was taken.
"""

from __future__ import annotations

__all__ = ["CLOCK", "CLOCKED", "SIMULATED_FIFO", "TOLD"]

TOLD = "ta_told"

CLOCK = r"""
// A clock: when the iteration that runs now began; `first` is the first stage of it that uses a queue. In a
// stiff pipeline, what is to be put, by when it would have been had nothing ever stood still (`late` in all).
typedef struct ta_clock ta_clock;
typedef struct {
  void *queue;
  void (*commit)(void *, ta_clock *, int64_t, int *, int), (*meet)(void *, ta_clock *, int64_t, int);
  int64_t due;
  int *status;
  int line;
} ta_held;
struct ta_clock {
  int64_t now, begun, first, id, late;
  int64_t stood, until;  // how long it stood still, and until when: several of its stages may wait at once
  struct ta_pipe *pipe;  // one that is counted
  ta_held *held;
  int count, room;
  bool stiff;
};
#define TA_STIFF @STIFF
static void ta_hold(ta_clock *c, ta_held put) {
  if (c->count == c->room) {
    ta_held *held = realloc(c->held, (2 * c->room + 8) * sizeof *held);
    if (!held) {
      *put.status |= 1;
      return;
    }
    c->held = held;
    c->room = 2 * c->room + 8;
  }
  int at = c->count++;
  for (; at && c->held[at - 1].due > put.due; --at) c->held[at] = c->held[at - 1];
  c->held[at] = put;
}
// What is due before something happens; what is due then has to be possible.
static void ta_due(ta_clock *c, int64_t due) {
  while (c->count && c->held[0].due <= due) {
    const int64_t first = c->held[0].due;
    int n = 0;
    while (n < c->count && c->held[n].due == first) ++n;
    for (int k = 0; k < n; ++k) c->held[k].meet(c->held[k].queue, c, first, c->held[k].line);
    if (first == due) return;
    ta_held put;
    for (int k = 0; k < n; ++k) {
      put = c->held[k];
      put.commit(put.queue, c, first, put.status, put.line);
    }
    c->count -= n;
    memmove(c->held, c->held + n, c->count * sizeof *c->held);
  }
}

// A pipelined loop: when its next iteration begins at the earliest, and when those on their way began.
typedef struct ta_pipe {
  int64_t entered, next, interval, span, flight, at, count, *began, *counter, stop;
} ta_pipe;
static inline void ta_iteration(ta_pipe *p, ta_clock *c) {
  if (p->count >= p->flight && p->began[p->at] + p->span > p->next) p->next = p->began[p->at] + p->span;
  c->now = c->begun = p->next;
}
static inline void ta_next(ta_pipe *p, ta_clock *c) {
  p->began[p->at] = c->now;
  if (++p->at == p->flight) p->at = 0;
  ++p->count;
  p->next = c->begun + p->interval;
}
static inline void ta_leave(const ta_pipe *p, ta_clock *c, int64_t tail) {
  c->pipe = NULL;
  if (TA_STIFF) {
    ta_due(c, INT64_MAX);
    free(c->held);
    c->held = NULL;
    c->room = 0;
    c->stiff = false;
  }
  c->now = p->count ? c->now + tail : p->entered;
}
// Something waited.
static inline void ta_stood(ta_clock *c, int64_t from, int64_t at) {
  if (at <= from || at <= c->until) return;
  c->stood += at - (from > c->until ? from : c->until);
  c->until = at;
}
// What was to happen at `c->now + stage` happens at `at`.
static inline void ta_moved(ta_clock *c, int64_t stage, int64_t at) {
  const int64_t late = at - stage - c->now;
  c->now += late;
  if (stage <= c->first) c->begun += late;
  if (TA_STIFF) c->late += late;
}"""

CLOCKED = r"""
// What is told of a run: lines of text, and events where somebody asked for them.
typedef struct {
  int64_t time, stall;
  int32_t process, queue, put;
} ta_event;
extern int64_t ta_depths[];
static _Thread_local char *ta_text;
static _Thread_local size_t ta_length, ta_room;
static _Thread_local ta_event *ta_all;
static _Thread_local int64_t ta_count, ta_most, ta_ids, ta_queues, ta_leapt;
static _Thread_local void **ta_list;  // the queues that are there
static _Thread_local int ta_listed, ta_list_room;
static void ta_enlist(void *queue) {
  if (ta_listed == ta_list_room) {
    void **list = realloc(ta_list, (2 * ta_list_room + 64) * sizeof *list);
    if (!list) return;
    ta_list = list;
    ta_list_room = 2 * ta_list_room + 64;
  }
  ta_list[ta_listed++] = queue;
}
static void ta_strike(const void *queue) {
  for (int k = ta_listed - 1; k >= 0; --k)
    if (ta_list[k] == queue) {
      ta_list[k] = ta_list[--ta_listed];
      return;
    }
}
static void __attribute__((format(printf, 1, 2))) ta_say(const char *format, ...) {
  if (ta_room - ta_length < 1024) {
    char *text = realloc(ta_text, 2 * ta_room + 4096);
    if (!text) return;
    ta_text = text;
    ta_room = 2 * ta_room + 4096;
  }
  va_list parts;
  va_start(parts, format);
  const int n = vsnprintf(ta_text + ta_length, 1024, format, parts);
  va_end(parts);
  ta_length += n < 1024 ? n : 1023;
}
const char *ta_told(void) { return ta_text ? ta_text : ""; }
const ta_event *ta_events(int64_t *count) {
  *count = ta_count;
  return ta_all;
}
void ta_ask(int64_t most) {
  free(ta_all);
  ta_all = most ? malloc(most * sizeof *ta_all) : NULL;
  ta_most = ta_all ? most : 0;
}
static void ta_start(void) {
  ta_length = 0;
  ta_count = ta_ids = ta_queues = ta_leapt = ta_listed = 0;
  if (ta_text) ta_text[0] = 0;
}
static inline void ta_note(int64_t process, int64_t queue, int put, int64_t time, int64_t stall) {
  if (ta_count < ta_most)
    ta_all[ta_count++] = (ta_event){time, stall, (int32_t)process, (int32_t)queue, put};
}"""

SIMULATED_FIFO = r"""
// A queue in a ring of `capacity` elements, a power of two; it has room for `limit` of them (0: for any).
typedef struct {
  @T *data;
  int64_t head, count, capacity, missed, limit, number;
  const char *name;
  ta_process *taker, *giver;  // who waits for an element, or for room
  int64_t *put_at, *taken_at;  // when: of what is in the ring; of the last `last` that were taken
  int64_t last, puts, takes, delay, put_last, taken_last, fill, seen_puts, seen_takes, full, empty;
  int64_t gives, gets, id, place, met, staged, soft;
} ta_fifo_@K;
static __attribute__((noinline)) bool ta_fifo_@K_grow(ta_fifo_@K *f) {
  const int64_t used = f->count + f->staged;
  const int64_t capacity = !f->capacity ? 16 : used == f->capacity ? 2 * f->capacity : f->capacity;
  @T *data = malloc(capacity * sizeof(@T));
  int64_t *put_at = malloc(capacity * sizeof *put_at);
  if (!data || !put_at) {
    free(data);
    free(put_at);
    return false;
  }
  for (int64_t i = 0; i < used; ++i) {
    const int64_t at = (f->head + i) & (f->capacity - 1);
    data[i] = f->data[at];
    put_at[i] = f->put_at ? f->put_at[at] : -2;  // what is in a queue from the beginning can be taken at once
  }
  if (!f->put_at) f->puts = f->count;
  free(f->data);
  free(f->put_at);
  f->data = data;
  f->put_at = put_at;
  f->head = 0;
  f->capacity = capacity;
  return true;
}
static __attribute__((noinline)) bool ta_fifo_@K_remember(ta_fifo_@K *f) {
  int64_t last = f->last ? 2 * f->last : 16;
  while (last < f->limit) last *= 2;
  int64_t *taken_at = malloc(last * sizeof *taken_at);
  if (!taken_at) return false;
  for (int64_t i = f->takes > f->last ? f->takes - f->last : 0; i < f->takes; ++i)
    taken_at[i & (last - 1)] = f->taken_at[i & (f->last - 1)];
  free(f->taken_at);
  f->taken_at = taken_at;
  f->last = last;
  return true;
}
// The highest fill: of each put, in turn, those before it that are not taken yet.
static inline void ta_fifo_@K_filled(ta_fifo_@K *f) {
  for (; f->seen_puts < f->puts; ++f->seen_puts) {
    const int64_t k = f->seen_puts, at = f->put_at[(f->head + k - f->takes) & (f->capacity - 1)];
    while (f->seen_takes < f->takes && f->taken_at[f->seen_takes & (f->last - 1)] < at) ++f->seen_takes;
    if (f->seen_takes == f->takes && f->seen_takes < k) return;  // more may be taken before it
    if (k + 1 - f->seen_takes > f->fill) f->fill = k + 1 - f->seen_takes;
  }
}
// An access in a stage waits for all others in that stage.
static inline int64_t ta_fifo_@K_room(const ta_fifo_@K *f, int64_t at) {
  if (!f->limit || f->puts < f->limit) return at;
  const int64_t room = f->taken_at[(f->puts - f->limit) & (f->last - 1)] + 1;
  return room > at ? room : at;
}
static inline int64_t ta_fifo_@K_there(const ta_fifo_@K *f, int64_t at) {
  const int64_t there = f->put_at ? f->put_at[f->head] + f->delay : 0;
  return there > at ? there : at;
}
static inline void ta_fifo_@K_meet_put(ta_fifo_@K *f, ta_clock *c, int64_t stage, int line) {
  (void)line;
  if (TA_STIFF && c->stiff) return;  // see ta_due
  while (f->limit && f->count >= f->limit)
    if (!ta_await(&f->giver)) return;
  const int64_t from = c->now + stage > f->put_last ? c->now + stage : f->put_last + 1;
  const int64_t at = ta_fifo_@K_room(f, from);
  f->full += at - from;
  ta_stood(c, from, at);
  f->met += at - from;
  ta_moved(c, stage, at);
}
static inline void ta_fifo_@K_meet_get(ta_fifo_@K *f, ta_clock *c, int64_t stage, int line) {
  if (TA_STIFF && c->stiff) ta_due(c, c->now + stage - c->late);
  while (f->count == 0)
    if (!(TA_STIFF ? ta_wait(&f->taker, f->name, f->number, 0, f->limit, false, line) : ta_await(&f->taker)))
      return;
  const int64_t from = c->now + stage > f->taken_last ? c->now + stage : f->taken_last + 1;
  const int64_t at = ta_fifo_@K_there(f, from);
  f->empty += at - from;
  ta_stood(c, from, at);
  f->met += at - from;
  ta_moved(c, stage, at);
}
// What was put at the end of the ring is in the queue.
static inline void ta_fifo_@K_enter(ta_fifo_@K *f, ta_clock *c, int64_t stage) {
  const int64_t from = c->now + stage > f->put_last ? c->now + stage : f->put_last + 1;
  const int64_t at = ta_fifo_@K_room(f, from);
  f->full += at - from;
  ta_stood(c, from, at);
  f->put_last = at;
  f->gives = c->id;
  ta_moved(c, stage, at);
  ta_note(c->id, f->id, 1, at, at - from + f->met);
  f->met = 0;
  f->put_at[(f->head + f->count++) & (f->capacity - 1)] = at;
  ++f->puts;
  ta_fifo_@K_filled(f);
  if (f->taker) {
    ta_process *p = f->taker;
    f->taker = NULL;
    ta_ready(p);
  }
}
static void ta_fifo_@K_room_for(ta_fifo_@K *f, int line) {
  // Where there is room without an end, others go on first: what is in the queue stays short.
  while (!f->limit && f->count >= f->soft)
    if (!ta_await(&f->giver)) f->soft = 2 * f->count;
  while (f->limit && f->count >= f->limit)
    if (!ta_wait(&f->giver, f->name, f->number, f->count, f->limit, true, line)) break;
}
static void ta_fifo_@K_commit(void *queue, ta_clock *c, int64_t due, int *status, int line) {
  ta_fifo_@K *f = queue;
  ta_fifo_@K_room_for(f, line);
  --f->staged;
  c->begun = c->now;
  ta_fifo_@K_enter(f, c, due + c->late - c->now);
  c->begun = c->now;
}
static void ta_fifo_@K_meet(void *queue, ta_clock *c, int64_t due, int line) {
  ta_fifo_@K *f = queue;
  ta_fifo_@K_room_for(f, line);
  const int64_t then = due + c->late, from = then > f->put_last ? then : f->put_last + 1;
  const int64_t at = ta_fifo_@K_room(f, from);
  f->full += at - from;
  ta_stood(c, from, at);
  f->met += at - from;
  ta_moved(c, then - c->now, at);
  c->begun = c->now;
}
static inline void ta_fifo_@K_put(ta_fifo_@K *f, @T x, int *status, int line, ta_clock *c, int64_t stage) {
  const bool stiff = TA_STIFF && c->stiff;
  if (!stiff) ta_fifo_@K_room_for(f, line);
  if (f->count + f->staged == f->capacity || !f->put_at)
    if (!ta_fifo_@K_grow(f)) {
      *status |= 1;
      return;
    }
  f->data[(f->head + f->count + f->staged) & (f->capacity - 1)] = x;
  if (stiff) {
    ++f->staged;
    ta_hold(c, (ta_held){f, ta_fifo_@K_commit, ta_fifo_@K_meet, c->now + stage - c->late, status, line});
  } else {
    ta_fifo_@K_enter(f, c, stage);
  }
}
static inline @T ta_fifo_@K_get(ta_fifo_@K *f, int *status, int line, ta_clock *c, int64_t stage) {
  if (TA_STIFF && c->stiff) ta_due(c, c->now + stage - c->late);
  while (f->count == 0)
    if (!ta_wait(&f->taker, f->name, f->number, 0, f->limit, false, line)) {
      ++f->missed;
      *status |= 2;
      return (@T){0};
    }
  if (!f->put_at || f->takes - f->seen_takes >= f->last)
    if ((!f->put_at && !ta_fifo_@K_grow(f)) || !ta_fifo_@K_remember(f)) {
      *status |= 1;
      return (@T){0};
    }
  const int64_t from = c->now + stage > f->taken_last ? c->now + stage : f->taken_last + 1;
  const int64_t at = ta_fifo_@K_there(f, from);
  f->empty += at - from;
  ta_stood(c, from, at);
  f->taken_last = at;
  f->gets = c->id;
  ta_moved(c, stage, at);
  ta_note(c->id, f->id, 0, at, at - from + f->met);
  f->met = 0;
  const @T x = f->data[f->head];
  f->taken_at[f->takes & (f->last - 1)] = at;
  f->head = (f->head + 1) & (f->capacity - 1);
  --f->count;
  ++f->takes;
  ta_fifo_@K_filled(f);
  if (f->giver) {
    ta_process *p = f->giver;
    f->giver = NULL;
    ta_ready(p);
  }
  return x;
}
static void ta_fifo_@K_timed(ta_fifo_@K *f, int64_t place) {
  const int64_t depth = place < 0 ? 0 : ta_depths[place];
  f->place = place;
  f->limit = depth > 0 ? depth : 0;
  f->delay = depth == -1 || (depth > 0 && depth <= 2) ? 1 : 2;
  f->put_last = f->taken_last = -1;
  f->id = ++ta_queues;
  f->gives = f->gets = -1;
  f->soft = 32;
  ta_enlist(f);
}
static void ta_fifo_@K_said(const ta_fifo_@K *f, const ta_clock *c) {
  ta_strike(f);
  int64_t fill = f->fill;
  if (f->seen_puts < f->puts && f->puts - f->takes > fill) fill = f->puts - f->takes;  // the run had no end
  ta_say("queue\t%lld\t%.99s\t%lld\t%lld\t%lld\t%lld\t%lld\t%lld\t%lld\t%lld\t%lld\t%lld\t%lld\n",
         (long long)f->id, f->name ? f->name : "", (long long)f->number, (long long)f->limit, (long long)fill,
         (long long)f->puts, (long long)f->takes, (long long)f->full, (long long)f->empty,
         (long long)f->gives, (long long)f->gets, (long long)c->id, (long long)f->place);
}"""
