// hls::stream for C simulation, by tracealloc: a FIFO that reports what would hang in hardware.
//
// Reading an empty stream throws hls::stream_error. Data left in a stream that goes out of scope, and (with
// -DTRACEALLOC_BOUNDED_STREAMS) writing to a stream that is full, are errors too. Where processes run beside one
// another (`processes`), who reads an empty stream or writes to a full one waits instead. Put this folder first on
// the include path; synthesis uses the vendor's own header.
#ifndef TRACEALLOC_HLS_STREAM_H
#define TRACEALLOC_HLS_STREAM_H

#include <cstddef>
#include <deque>
#include <stdexcept>
#include <string>

namespace hls {

struct stream_error : std::runtime_error {
  explicit stream_error(const std::string &what) : std::runtime_error(what) {}
};

// The first thing that went wrong where nothing can be thrown (in destructors).
inline std::string &stream_fault() {
  static thread_local std::string fault;
  return fault;
}

// What runs processes beside one another, while one of them runs; null: everything runs in order. `who` waits.
struct waiting {
  virtual ~waiting() {}
  virtual void wait(void *&who, const std::string &stream, bool room, std::size_t count, std::size_t limit) = 0;
  virtual void wake(void *&who) = 0;
};
inline waiting *&processes() {
  static thread_local waiting *found = nullptr;
  return found;
}

template <typename T, int DEPTH = 0>
class stream;

template <typename T>
class stream<T, 0> {
 public:
  stream() : name_("stream"), capacity_(0), peak_(0), borrowed_(false) {}
  explicit stream(const char *name) : name_(name), capacity_(0), peak_(0), borrowed_(false) {}
  explicit stream(const std::string &name) : name_(name), capacity_(0), peak_(0), borrowed_(false) {}
  stream(const stream &) = delete;
  stream &operator=(const stream &) = delete;

  ~stream() {
    if (!data_.empty() && !borrowed_ && !std::uncaught_exception() && stream_fault().empty()) {
      stream_fault() = "stream '" + name_ + "' still holds " + std::to_string(data_.size()) +
                       " elements that nothing read";
    }
  }

  bool empty() const { return data_.empty(); }
  bool full() const { return capacity_ != 0 && data_.size() >= capacity_; }
  std::size_t size() const { return data_.size(); }
  std::size_t capacity() const { return capacity_; }
  std::size_t peak() const { return peak_; }  // the highest fill
  void set_name(const char *name) { name_ = name; }
  void set_capacity(std::size_t elements) { capacity_ = elements; }
  void borrow() { borrowed_ = true; }  // it belongs to the caller: it may end with data in it

  T read() {
    while (data_.empty()) {
      if (!processes()) throw stream_error("stream '" + name_ + "' is read while it is empty");
      processes()->wait(reader_, name_, false, 0, capacity_);
    }
    T head = data_.front();
    data_.pop_front();
    if (writer_) processes()->wake(writer_);
    return head;
  }
  void read(T &head) { head = read(); }
  bool read_nb(T &head) {
    if (data_.empty()) return false;
    head = read();
    return true;
  }

  void write(const T &tail) {
    while (full() && processes()) processes()->wait(writer_, name_, true, data_.size(), capacity_);
#ifdef TRACEALLOC_BOUNDED_STREAMS
    if (full()) throw stream_error("stream '" + name_ + "' is written while it is full");
#endif
    data_.push_back(tail);
    if (data_.size() > peak_) peak_ = data_.size();
    if (reader_) processes()->wake(reader_);
  }
  bool write_nb(const T &tail) {
    if (full()) return false;
    write(tail);
    return true;
  }

  void operator>>(T &head) { read(head); }
  void operator<<(const T &tail) { write(tail); }

 private:
  std::deque<T> data_;
  std::string name_;
  std::size_t capacity_, peak_;
  bool borrowed_;
  void *reader_ = nullptr, *writer_ = nullptr;  // a process that waits
};

template <typename T, int DEPTH>
class stream : public stream<T, 0> {
 public:
  stream() { this->set_capacity(DEPTH); }
  explicit stream(const char *name) : stream<T, 0>(name) { this->set_capacity(DEPTH); }
};

}  // namespace hls

#endif  // TRACEALLOC_HLS_STREAM_H
