// Processes that run beside one another in C simulation, by tracealloc: in turn on one thread, each on a stack
// of its own. A process goes on until a stream makes it wait; then the one that has been ready longest does.
#ifndef TRACEALLOC_NETWORK_H
#define TRACEALLOC_NETWORK_H

#include <sys/mman.h>
#include <ucontext.h>

#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "hls_stream.h"

namespace tracealloc {

// No process can go on. A line for each that waits, like those of the C build: process, stream, its number (it is
// in the name), get, put or end, elements, room, and the line of the text (which nobody knows here).
struct stuck : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// A stream of a network ended with elements in it.
struct left : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class network;

struct process {
  network *home;
  int stage;
  std::vector<int> before;  // stages that end before it begins
  std::string name;
  std::size_t bytes;
  std::function<void()> run;
  void *stack = nullptr;
  bool ended = false;
  const char *what = "end";
  std::string stream;
  std::size_t count = 0, limit = 0;
  ucontext_t context;
};

// All processes of a network and of those that its processes call.
class turns : public hls::waiting {
 public:
  static turns *&here() {
    static thread_local turns *found = nullptr;
    return found;
  }

  process *add(std::unique_ptr<process> made) {
    all_.push_back(std::move(made));
    ready_.push_back(all_.back().get());
    return all_.back().get();
  }

  // On the stack of who called the outermost network.
  void drive() {
    while (!error_ && !ready_.empty()) {
      process *next = ready_.front();
      ready_.pop_front();
      try {
        resume(next);
      } catch (...) {
        error_ = std::current_exception();  // no memory for a stack
      }
    }
    std::string report;
    for (auto &each : all_) {
      if (each->ended) continue;
      report += each->name + "\t" + each->stream + "\t\t" + each->what + "\t" + std::to_string(each->count) +
                "\t" + std::to_string(each->limit) + "\t0\n";
    }
    const std::exception_ptr error = error_;
    // What a process has called ends before it does: it stands behind it.
    giving_up_ = true;
    for (std::size_t n = all_.size(); n-- > 0;) {
      if (all_[n]->stack && !all_[n]->ended) resume(all_[n].get());
    }
    for (void *stack : stacks_) munmap(stack, sizes_.at(stack));
    if (error) std::rethrow_exception(error);
    if (!report.empty()) throw stuck(report);
  }

  // The process that runs now goes on when somebody has made it ready.
  void leave() {
    process *self = now_;
    swapcontext(&self->context, &main_);
    if (giving_up_) throw given_up();
  }

  void wait(void *&who, const std::string &stream, bool room, std::size_t count, std::size_t limit) override {
    now_->stream = stream;
    now_->what = room ? "put" : "get";
    now_->count = count;
    now_->limit = limit;
    who = now_;
    leave();
  }
  void wake(void *&who) override {
    ready_.push_back((process *)who);
    who = nullptr;
  }
  void ready(process *each) { ready_.push_back(each); }
  process *now() const { return now_; }

 private:
  struct given_up {};

  void resume(process *next) {
    if (!next->stack) begin(next);
    hls::processes() = this;
    now_ = next;
    swapcontext(&main_, &next->context);
    now_ = nullptr;
    hls::processes() = nullptr;
    if (next->ended) {
      stacks_.push_back(next->stack);
      next->run = nullptr;
    }
  }

  void begin(process *next) {
    for (std::size_t n = 0; n < stacks_.size(); ++n) {
      if (sizes_.at(stacks_[n]) >= next->bytes) {
        next->stack = stacks_[n];
        stacks_.erase(stacks_.begin() + n);
        break;
      }
    }
    if (!next->stack) {
      const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
      void *made = mmap(nullptr, next->bytes, PROT_READ | PROT_WRITE, kind, -1, 0);
      if (made == MAP_FAILED) throw std::bad_alloc();
      mprotect(made, 4096, PROT_NONE);  // a stack that is too small fails there, not in other memory
      sizes_[made] = next->bytes;
      next->stack = made;
    }
    getcontext(&next->context);
    next->context.uc_stack.ss_sp = next->stack;
    next->context.uc_stack.ss_size = sizes_.at(next->stack);
    next->context.uc_link = nullptr;
    makecontext(&next->context, first, 0);
  }

  static void first();

  std::vector<std::unique_ptr<process>> all_;
  std::deque<process *> ready_;
  process *now_ = nullptr;
  ucontext_t main_;
  std::exception_ptr error_;
  bool giving_up_ = false;
  std::vector<void *> stacks_;
  std::map<void *, std::size_t> sizes_;
};

// The processes that one function starts.
class network {
 public:
  void start(
      int stage, std::vector<int> before, const char *name, std::vector<long> place, std::size_t bytes,
      std::function<void()> run) {
    if (!turns::here()) {
      own_.reset(new turns);
      turns::here() = own_.get();
    }
    std::unique_ptr<process> made(new process);
    made->home = this;
    made->stage = stage;
    made->before = std::move(before);
    made->name = name;
    for (std::size_t n = 0; n < place.size(); ++n) made->name += (n ? ", " : "[") + std::to_string(place[n]);
    if (!place.empty()) made->name += "]";
    made->bytes = (bytes + 4095) / 4096 * 4096;
    made->run = std::move(run);
    if ((int)running_.size() <= stage) running_.resize(stage + 1);
    ++running_[stage];
    ++left_;
    turns::here()->add(std::move(made));
  }

  // All of them run, until all have ended.
  void run() {
    if (own_) {
      own_->drive();
    } else {
      while (left_) wait();
    }
  }

  ~network() {
    if (own_) turns::here() = nullptr;
  }

  // For its processes.
  void begins(const process *each) {
    for (int stage : each->before) {
      while (stage < (int)running_.size() && running_[stage]) wait();
    }
  }
  void ends(const process *each) {
    --left_;
    if (--running_[each->stage]) return;
    for (process *other : waiting_) turns::here()->ready(other);
    waiting_.clear();
  }

 private:
  void wait() {
    process *self = turns::here()->now();
    self->what = "end";
    self->stream.clear();
    waiting_.push_back(self);
    turns::here()->leave();
  }

  std::unique_ptr<turns> own_;
  std::vector<long> running_;  // processes of each stage
  long left_ = 0;
  std::vector<process *> waiting_;
};

inline void turns::first() {
  turns *all = here();
  process *self = all->now_;
  try {
    self->home->begins(self);
    self->run();
    self->home->ends(self);
  } catch (const given_up &) {
  } catch (...) {
    if (!all->error_) all->error_ = std::current_exception();
  }
  self->ended = true;
  swapcontext(&self->context, &all->main_);
}

}  // namespace tracealloc

#endif  // TRACEALLOC_NETWORK_H
