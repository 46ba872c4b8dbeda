// Reading and comparing the testbench's data, by tracealloc.
//
// A data file holds one element per word: its bytes as a hexadecimal number (float 1.0 is 3f800000).
// Lines that begin with # are comments.
#ifndef TRACEALLOC_DATA_H
#define TRACEALLOC_DATA_H

#include <cctype>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

// By how many units in the last place a floating-point result may differ. 0: not at all.
#ifndef TRACEALLOC_ULP
#define TRACEALLOC_ULP 0
#endif

namespace tracealloc {

inline std::string &data_folder() {
  static std::string folder;
  return folder;
}

// Data is looked for in the folder that the program was given, beside its source, and where it runs.
inline std::ifstream open_data(const std::string &name, const char *source) {
  std::string beside(source);
  const std::size_t slash = beside.find_last_of('/');
  beside = slash == std::string::npos ? "" : beside.substr(0, slash + 1);
  for (const std::string &folder : {data_folder() + "/", beside + "data/", std::string("data/"), std::string()}) {
    std::ifstream file(folder + name);
    if (file) return file;
  }
  throw std::runtime_error("data file " + name + " was not found: give the folder that holds it");
}

inline std::vector<unsigned char> read_data(const std::string &name, const char *source, long count, int bytes) {
  std::ifstream file = open_data(name, source);
  std::vector<unsigned char> found;
  std::string word;
  while (file >> word) {
    if (word[0] == '#') {
      std::getline(file, word);
      continue;
    }
    if ((int)word.size() != 2 * bytes) throw std::runtime_error(name + ": an element has the wrong size: " + word);
    for (int byte = bytes - 1; byte >= 0; --byte) {
      const std::string digits = word.substr(2 * byte, 2);
      if (!std::isxdigit((unsigned char)digits[0]) || !std::isxdigit((unsigned char)digits[1])) {
        throw std::runtime_error(name + ": not a hexadecimal number: " + word);
      }
      found.push_back((unsigned char)std::stoi(digits, nullptr, 16));
    }
  }
  if ((long)found.size() != count * bytes) {
    throw std::runtime_error(name + ": expected " + std::to_string(count) + " elements, not " +
                             std::to_string(found.size() / bytes));
  }
  return found;
}

template <int BYTES, typename T>
void load(const char *name, const char *source, T *elements, long count) {
  const std::vector<unsigned char> data = read_data(std::string(name) + ".txt", source, count, BYTES);
  for (long e = 0; e < count; ++e) get<BYTES>(elements[e], &data[e * BYTES]);
}

inline std::string hexadecimal(const unsigned char *bytes, int count) {
  const char *digits = "0123456789abcdef";
  std::string text;
  for (int byte = count - 1; byte >= 0; --byte) {
    text += digits[bytes[byte] >> 4];
    text += digits[bytes[byte] & 15];
  }
  return text;
}

// Whether two elements are equal: every bit, or any two NaNs, or within TRACEALLOC_ULP where `real` says so.
inline bool equal(const unsigned char *a, const unsigned char *b, int bytes, bool real) {
  if (std::memcmp(a, b, bytes) == 0) return true;
  if (!real || (bytes != 4 && bytes != 8)) return false;
  int64_t place[2];
  bool nan[2];
  for (int side = 0; side < 2; ++side) {
    const unsigned char *from = side ? b : a;
    if (bytes == 4) {
      int32_t bits;
      std::memcpy(&bits, from, 4);
      nan[side] = (bits & 0x7fffffff) > 0x7f800000;
      place[side] = bits < 0 ? -(int64_t)(bits & 0x7fffffff) : bits;
    } else {
      int64_t bits;
      std::memcpy(&bits, from, 8);
      nan[side] = (bits & 0x7fffffffffffffffLL) > 0x7ff0000000000000LL;
      place[side] = bits < 0 ? -(bits & 0x7fffffffffffffffLL) : bits;
    }
  }
  if (nan[0] || nan[1]) return nan[0] && nan[1];
  const int64_t apart = place[0] > place[1] ? place[0] - place[1] : place[1] - place[0];
  return apart >= 0 && apart <= TRACEALLOC_ULP && place[0] != place[1];
}

// The number of elements that differ from the expected ones; the first few are shown.
template <int BYTES, typename T>
long check(const char *array, const char *name, const char *source, const T *elements, long count, bool real) {
  const std::vector<unsigned char> expected = read_data(std::string(name) + ".txt", source, count, BYTES);
  std::vector<unsigned char> found(BYTES);
  long wrong = 0;
  for (long e = 0; e < count; ++e) {
    put<BYTES>(elements[e], found.data());
    if (equal(found.data(), &expected[e * BYTES], BYTES, real)) continue;
    if (++wrong <= 5) {
      std::cout << array << ": element " << e << " is " << hexadecimal(found.data(), BYTES) << ", expected "
                << hexadecimal(&expected[e * BYTES], BYTES) << "\n";
    }
  }
  std::cout << array << ": " << count - wrong << " of " << count << " elements are right\n";
  return wrong;
}

// The elements of several streams are in one file, one stream after the other.
inline long sum(const std::vector<long> &counts) {
  long total = 0;
  for (long count : counts) total += count;
  return total;
}

template <int BYTES, typename T, typename S>
void load_streams(const char *name, const char *source, S *streams, const std::vector<long> &counts) {
  const std::vector<unsigned char> data = read_data(std::string(name) + ".txt", source, sum(counts), BYTES);
  const unsigned char *from = data.data();
  for (std::size_t s = 0; s < counts.size(); ++s) {
    for (long e = 0; e < counts[s]; ++e, from += BYTES) {
      T element;
      get<BYTES>(element, from);
      streams[s].write(element);
    }
  }
}

// The number of streams that do not hold as many elements as they should after the kernel has read them.
template <typename S>
long check_read(const char *array, S *streams, const std::vector<long> &left) {
  long wrong = 0;
  for (std::size_t s = 0; s < left.size(); ++s) {
    long held = 0;
    for (; !streams[s].empty(); ++held) streams[s].read();
    if (held == left[s]) continue;
    std::cout << array << ": stream " << s << " still holds " << held << " elements, expected " << left[s] << "\n";
    ++wrong;
  }
  return wrong;
}

template <int BYTES, typename T, typename S>
long check_streams(const char *array, const char *name, const char *source, S *streams,
                   const std::vector<long> &counts, bool real) {
  std::vector<T> found;
  long wrong = 0;
  for (std::size_t s = 0; s < counts.size(); ++s) {
    long held = 0;
    for (; !streams[s].empty(); ++held) {
      const T element = streams[s].read();
      if (held < counts[s]) found.push_back(element);
    }
    if (held == counts[s]) continue;
    std::cout << array << ": stream " << s << " holds " << held << " elements, expected " << counts[s] << "\n";
    ++wrong;
  }
  return wrong ? wrong : check<BYTES>(array, name, source, found.data(), (long)found.size(), real);
}

}  // namespace tracealloc

#endif  // TRACEALLOC_DATA_H
