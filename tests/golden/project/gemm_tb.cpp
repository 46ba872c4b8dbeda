// Testbench of gemm, written by tracealloc: runs the kernel once and compares with the expected results.
//
// The arguments are loaded from data/*.txt; data/*_expected.txt holds what the C build of the scheduled kernel computes.
// Exit status: 0 all right, 1 a result differs, 2 the data could not be read or a stream was used wrongly.
#include "gemm.h"

#include "tracealloc_memory.h"
#include "tracealloc_data.h"

#ifdef __linux__
#include <sys/resource.h>
#endif

int main(int argc, char **argv) {
#ifdef __linux__
  rlimit stack;  // the kernel's local arrays are on it
  getrlimit(RLIMIT_STACK, &stack);
  stack.rlim_cur = stack.rlim_max;
  setrlimit(RLIMIT_STACK, &stack);
#endif
  static float A[4][4];
  static float B[4][8];
  static float C[4][8];
  if (argc > 1) tracealloc::data_folder() = argv[1];
  long wrong = 0;
  try {
    tracealloc::load<4>("A", __FILE__, (float *)&A, 16);
    tracealloc::load<4>("B", __FILE__, (float *)&B, 32);
    ::gemm(A, B, C);
    wrong += tracealloc::check<4>("C", "C_expected", __FILE__, (const float *)&C,
                               32, true);
  } catch (const std::exception &error) {
    std::cout << "FAIL: " << error.what() << "\n";
    return 2;
  }
  std::cout << (wrong ? "FAIL" : "PASS") << ": gemm\n";
  return wrong ? 1 : 0;
}
