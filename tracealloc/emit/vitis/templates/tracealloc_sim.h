// What the C simulation of a kernel checks while it runs, by tracealloc.
#ifndef TRACEALLOC_SIM_H
#define TRACEALLOC_SIM_H

#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace tracealloc {

// What the kernel keeps between calls is set back by a call that fails. A state is noted when the function that
// keeps it first runs, with its first content.
struct state {
  state(void *at, std::size_t size);
  void note() { std::memcpy(before.data(), at, before.size()); }
  void set_back() const { std::memcpy(at, before.data(), before.size()); }
  void *at;
  std::vector<unsigned char> before;
};
struct states {
  static std::vector<state *> &all() {
    static std::vector<state *> found;
    return found;
  }
  static void note() {
    for (state *each : all()) each->note();
  }
  static void set_back() {
    for (state *each : all()) each->set_back();
  }
};
inline state::state(void *given, std::size_t size) : at(given), before(size) {
  note();
  states::all().push_back(this);
}

// Subscripts that depend on data are checked; an access outside is thrown as its number.
struct outside {
  int number;
};
template <typename T>
inline long at(const T &subscript, long extent, int number) {
  if (subscript < 0 || subscript >= extent) throw outside{number};
  return (long)subscript;
}
// So are the sizes that a function gets.
inline void require(bool holds, int number) {
  if (!holds) throw outside{number};
}

// Ports of one direction, whose elements go by in order, each once. An output has no operation that reads and an
// input none that writes; what comes out of order, or not at all, is an error.
class axis_port {
 public:
  axis_port(const char *name, long count) : name_(name), count_(count), next_(0) {}
  void pass(long element) {
    if (element != next_++) {
      fail("element " + std::to_string(element) + " comes where element " + std::to_string(next_ - 1) + " is due");
    }
  }
  void finish() const {
    if (next_ != count_) fail("only " + std::to_string(next_) + " of " + std::to_string(count_) + " elements come");
  }

 private:
  void fail(const std::string &what) const { throw std::runtime_error("port '" + name_ + "': " + what); }
  std::string name_;
  long count_, next_;
};

template <typename T, long... INNER>
struct axis_row;
template <typename T>
struct axis_row<T> {
  axis_port &port;
  T *data;
  long element;
  template <typename V>
  void operator=(const V &value) const {
    port.pass(element);
    data[element] = value;
  }
};
template <typename T>
struct axis_row<const T> {
  axis_port &port;
  const T *data;
  long element;
};
template <typename T, long EXTENT, long... INNER>
struct axis_row<T, EXTENT, INNER...> {
  axis_port &port;
  T *data;
  long element;
  auto operator[](long subscript) const { return at(axis_row<T, INNER...>{port, data, element * EXTENT + subscript}); }

 private:
  template <typename ROW>
  static ROW at(ROW row) {
    return row;
  }
  static T at(axis_row<const typename std::remove_const<T>::type> one) {
    one.port.pass(one.element);
    return one.data[one.element];
  }
};
// ``axis<int32_t, 4, 8>`` is written, ``axis<const int32_t, 4, 8>`` is read.
template <typename T, long... EXTENTS>
struct axis : axis_port, axis_row<T, EXTENTS...> {
  axis(const char *name, T *data)
      : axis_port(name, count(EXTENTS...)), axis_row<T, EXTENTS...>{*this, data, 0} {}
  static constexpr long count() { return 1; }
  template <typename... REST>
  static constexpr long count(long first, REST... rest) {
    return first * count(rest...);
  }
};

}  // namespace tracealloc

#endif  // TRACEALLOC_SIM_H
