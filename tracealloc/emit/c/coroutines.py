"""The C text that runs processes beside one another: in one thread, in turn, each on a stack of its own.

A process goes on until a queue makes it wait: one that is empty until somebody puts, one that is full until
somebody takes. Then the process that has been ready longest goes on. Where none is, those that wait, wait for
one another: ``ta_waits()`` says who for what, a line each, and the network is given up.
"""

from __future__ import annotations

__all__ = ["NETWORK_FIFO", "WAITS", "coroutines"]

WAITS = "ta_waits"

_SWITCH = r"""
#if defined(__linux__) && defined(__x86_64__)
#define TA_SWITCH
__asm__(".text\n.p2align 4\n.type ta_switch,@function\nta_switch:\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
        ".size ta_switch,.-ta_switch\n");
static inline void *ta_switch_start(void **top, void *first) {
  top[0] = first;  // `ret` goes there, with the stack aligned as after a call
  return top - 6;
}
#define TA_SWITCH_START ta_switch_start
#elif defined(__linux__) && defined(__aarch64__)
#define TA_SWITCH
__asm__(".text\n.p2align 4\n.type ta_switch,@function\nta_switch:\n"
        "sub sp, sp, #160\nstp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\nstp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\n"
        "stp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
        "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
        "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\nldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\n"
        "ldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
        "add sp, sp, #160\nret\n.size ta_switch,.-ta_switch\n");
static inline void *ta_switch_start(void **top, void *first) {
  top -= 20;
  top[11] = first;  // x30
  return top;
}
#define TA_SWITCH_START ta_switch_start
#else
#include <ucontext.h>
#endif"""

_COROUTINES = (
    _SWITCH
    + r"""
// Processes, in turn on one thread, each on a stack of its own.
typedef struct ta_group ta_group;
typedef struct ta_process ta_process;
struct ta_process {
  void *stack, *top;             // its memory, and where it stands in it
  ta_process *next, *older;      // in a list of those that wait, or of all
  ta_group *stage, *network;
  void (*run)(void *);
  void *arguments;
  const char *name;
  int rank;
  int64_t at[4];
  const char *queue;             // what it waits for: a queue (its name, number, elements, room), or nothing
  int64_t number, count, limit;
  int line;
  bool room;@PROCESS
#ifndef TA_SWITCH
  ucontext_t context;
#endif
};
struct ta_group {
  int64_t left;          // processes that have not ended@GROUP
  ta_process *waiting;   // for their end
  ta_process *all;       // of a network
  ta_group *older;       // in a list of the networks that run
};
typedef struct {
  ta_process *first, *last, *now;
  ta_group *networks;
  void *top;@TURNS
#ifndef TA_SWITCH
  ucontext_t context;
#endif
} ta_turns;
static _Thread_local ta_turns *ta_here;
static _Thread_local char ta_report[1 << 14];
static _Thread_local int ta_reported;
const char *ta_waits(void) { return ta_report; }

#define TA_STACK ((size_t)@STACK)

#ifdef TA_SWITCH
void ta_switch(void **from, void *to) __asm__("ta_switch");
#else
static void ta_switch_contexts(ucontext_t *from, ucontext_t *to) { swapcontext(from, to); }
#endif

static void ta_ready(ta_process *p) {
  ta_turns *turns = ta_here;
  p->next = NULL;
  if (turns->last)
    turns->last->next = p;
  else
    turns->first = p;
  turns->last = p;
}

@IMPATIENT// Leave the process that runs now (or whoever began, where there is none); come back when it is its
// turn.
static __attribute__((noinline)) void ta_turn(void) {
  ta_turns *turns = ta_here;
@STUCK  ta_process *old = turns->now, *next = turns->first;
  if (next) {
    turns->first = next->next;
    if (!turns->first) turns->last = NULL;
  }
  if (next == old) return;
  turns->now = next;
#ifdef TA_SWITCH
  ta_switch(old ? &old->top : &turns->top, next ? next->top : turns->top);
#else
  ta_switch_contexts(old ? &old->context : &turns->context, next ? &next->context : &turns->context);
#endif
}

static void ta_ended(ta_group *group) {@ENDED
  if (--group->left == 0) {
    for (ta_process *p = group->waiting, *next; p; p = next) {
      next = p->next;
      ta_ready(p);
    }
    group->waiting = NULL;
  }
}

static void ta_first(void) {
  ta_process *p = ta_here->now;
  p->run(p->arguments);
  ta_ended(p->stage);
  ta_ended(p->network);
  p->run = NULL;
  ta_turn();
  __builtin_unreachable();
}

// A process of a stage of a network, ready to begin; its arguments, to be filled in. NULL: no memory.
static __attribute__((noinline)) void *ta_process_new(
    ta_group *network, ta_group *stage, void (*run)(void *), size_t size, const char *name, int rank,
    const int64_t *at, int *status) {
  ta_process *p = calloc(1, sizeof *p + size);
  if (!p) {
    *status |= 1;
    return NULL;
  }
  p->stack = mmap(NULL, TA_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p->stack == MAP_FAILED) {
    free(p);
    *status |= 1;
    return NULL;
  }
  mprotect(p->stack, 4096, PROT_NONE);  // a stack that is too small fails there, not in other memory
  p->run = run;
  p->arguments = p + 1;
  p->name = name;
  p->rank = rank;
  for (int k = 0; k < rank && k < 4; ++k) p->at[k] = at[k];
  p->stage = stage;
  p->network = network;@NEW
  ++stage->left;
  ++network->left;
#ifdef TA_SWITCH
  void **top = (void **)((char *)p->stack + TA_STACK) - 2;
  p->top = TA_SWITCH_START(top, (void *)ta_first);
#else
  getcontext(&p->context);
  p->context.uc_stack.ss_sp = p->stack;
  p->context.uc_stack.ss_size = TA_STACK;
  p->context.uc_link = NULL;
  makecontext(&p->context, ta_first, 0);
#endif
  p->older = network->all;
  network->all = p;
  ta_ready(p);
  return p->arguments;
}

// Wait until all of a group have ended; false where they never will.
static bool ta_join(ta_group *group) {
  ta_turns *turns = ta_here;
  if (turns->now) {
    while (group->left) {
      turns->now->next = group->waiting;
      group->waiting = turns->now;
      turns->now->queue = NULL;@JOINS
      ta_turn();
    }@JOINED
    return true;
  }
  ta_turn();
  return group->left == 0;
}

static void ta_tell(const ta_process *p) {
  if (!p->run || ta_reported > (int)sizeof ta_report - 512) return;
  char *to = ta_report + ta_reported;
  int n = snprintf(to, 256, "%s", p->name);
  for (int k = 0; k < p->rank && k < 4; ++k)
    n += snprintf(to + n, 32, "%s%lld%s", k ? ", " : "[", (long long)p->at[k], k == p->rank - 1 ? "]" : "");
  n += snprintf(to + n, 224, "\t%.99s\t%lld\t%s\t%lld\t%lld\t%d\n", p->queue ? p->queue : "",
                (long long)p->number, p->queue ? p->room ? "put" : "get" : "end", (long long)p->count,
                (long long)p->limit, p->line);
  ta_reported += n;
}

// A network begins; `turns` are for one that no process has called.
static void ta_begin(ta_turns *turns, ta_group *network) {
  if (!ta_here) {
    *turns = (ta_turns){0};
    ta_here = turns;
    ta_reported = 0;
    ta_report[0] = 0;
  }
  network->older = ta_here->networks;
  ta_here->networks = network;
}

static void ta_release(ta_group *network, bool ended) {
  for (ta_process *p = network->all, *older; p; p = older) {
    older = p->older;@RELEASED
    if (!ended) ta_tell(p);
    munmap(p->stack, TA_STACK);
    free(p);
  }
}

// A network has ended; where its processes wait for one another they are given up, with all around them.
static int ta_end(ta_turns *turns, ta_group *network) {
  const bool ended = ta_join(network);
  ta_group **at = &ta_here->networks;
  if (!ended) {
    for (ta_group *each = *at; each; each = each->older) ta_release(each, false);
  } else {
    while (*at != network) at = &(*at)->older;
    *at = network->older;
    ta_release(network, true);
  }
  if (ta_here == turns) ta_here = NULL;
  return ended ? 0 : 8;
}

// Wait at a queue; false where there are no processes that could make it go on.
static __attribute__((noinline)) bool ta_wait(
    ta_process **waits, const char *queue, int64_t number, int64_t count, int64_t limit, bool room,
    int line) {
  if (!ta_here || !ta_here->now) return false;
  ta_process *p = ta_here->now;
  p->queue = queue ? queue : "";
  p->number = number;
  p->count = count;
  p->limit = limit;
  p->room = room;
  p->line = line;@WAITING
  *waits = p;
  ta_turn();
  return true;
}

@AWAIT
static void ta_unread(const char *queue, int64_t number, int64_t count) {
  if (ta_reported > (int)sizeof ta_report - 512) return;
  ta_reported += snprintf(ta_report + ta_reported, 256, "\t%.99s\t%lld\tleft\t%lld\t0\t0\n",
                          queue ? queue : "", (long long)number, (long long)count);
}"""
)

_CLOCKED = {
    "PROCESS": """
  ta_clock clock;
  int64_t parent;
  ta_process *before, *behind;  // among those that would rather wait, but need not
  bool let, patient;
  void *waits;  // where it waits, and how: the line
  int64_t waited, turn;""",
    "TURNS": """
  ta_process *patient;""",
    "STUCK": """  if (!turns->first && turns->patient) {  // it goes on without what it would rather have
    ta_process *p = turns->patient;
    ta_impatient(turns, p);
    p->let = true;
    ta_ready(p);
  }
""",
    "IMPATIENT": """
static void ta_impatient(ta_turns *turns, ta_process *p) {
  if (p->before)
    p->before->behind = p->behind;
  else
    turns->patient = p->behind;
  if (p->behind) p->behind->before = p->before;
}
""",
    "AWAIT": """
// Wait at a queue as long as others go on; false where that has an end first.
static __attribute__((noinline)) bool ta_await(ta_process **waits) {
  ta_turns *turns = ta_here;
  if (!turns || !turns->now) return false;
  ta_process *p = turns->now;
  p->let = false;
  p->patient = true;
  p->waits = waits;
  p->waited = 0;
  p->before = NULL;
  p->behind = turns->patient;
  if (p->behind) p->behind->before = p;
  turns->patient = p;
  *waits = p;
  ta_turn();
  if (p->let)
    *waits = NULL;
  else
    ta_impatient(turns, p);
  return !p->let;
}
""",
    "WAITING": """
  p->patient = false;
  p->waits = waits;
  p->waited = line;""",
    "GROUP": """
  int64_t started, ended;  // when: the network; the last process of those that have""",
    "ENDED": """
  if (group->ended < ta_here->now->clock.now) group->ended = ta_here->now->clock.now;""",
    "NEW": """
  p->clock.now = network->started;
  p->clock.id = ++ta_ids;
  p->parent = ta_here->now ? ta_here->now->clock.id : 0;""",
    "JOINS": """
      turns->now->patient = false;
      turns->now->waits = NULL;
      turns->now->waited = -1;""",
    "JOINED": """
    if (turns->now->clock.now < group->ended) turns->now->clock.now = group->ended;""",
    "RELEASED": """
    ta_say("process\\t%lld\\t%lld\\t%.99s", (long long)p->clock.id, (long long)p->parent, p->name);
    for (int k = 0; k < p->rank && k < 4; ++k) ta_say("\\t%lld", (long long)p->at[k]);
    ta_say("\\t|\\t%lld\\t%lld\\t%d\\t%lld\\n", (long long)network->started, (long long)p->clock.now,
           !p->run, (long long)p->clock.stood);""",
}


def coroutines(stack: int, clocked: bool) -> str:
    """The text, for stacks of so many bytes; `clocked`: each process has a clock, and is told of."""
    text = _COROUTINES.replace("@STACK", str(stack))
    for place, more in _CLOCKED.items():
        text = text.replace(f"@{place}", more if clocked else "")
    return text


NETWORK_FIFO = """
// A queue in a ring of `capacity` elements, a power of two; it has room for `limit` of them (0: for any).
typedef struct {
  @T *data;
  int64_t head, count, capacity, missed, limit, number;
  const char *name;
  ta_process *taker, *giver;  // who waits for an element, or for room
} ta_fifo_@K;
static inline void ta_fifo_@K_put(ta_fifo_@K *f, @T x, int *status, int line) {
  while (f->limit && f->count >= f->limit)
    if (!ta_wait(&f->giver, f->name, f->number, f->count, f->limit, true, line)) break;
  if (f->count == f->capacity) {
    const int64_t capacity = f->capacity ? 2 * f->capacity : 16;
    @T *data = malloc(capacity * sizeof(@T));
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
  if (f->taker) {
    ta_process *p = f->taker;
    f->taker = NULL;
    ta_ready(p);
  }
}
static inline @T ta_fifo_@K_get(ta_fifo_@K *f, int *status, int line) {
  while (f->count == 0)
    if (!ta_wait(&f->taker, f->name, f->number, 0, f->limit, false, line)) {
      ++f->missed;
      *status |= 2;
      return (@T){0};
    }
  const @T x = f->data[f->head];
  f->head = (f->head + 1) & (f->capacity - 1);
  --f->count;
  if (f->giver) {
    ta_process *p = f->giver;
    f->giver = NULL;
    ta_ready(p);
  }
  return x;
}"""
