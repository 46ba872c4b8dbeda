// Host program of gemm for XRT, written by tracealloc: runs the kernel on a card (or in emulation) with
// the testbench's data and compares. Usage: host gemm.xclbin [data folder]
//
// Not for a card as it is: B is no m_axi port. A host program reaches memories and
// scalars; streams need a kernel that moves their data, other arrays s.interface(array, "m_axi").
#error "these ports are not reachable from a host: B"
#include <cstdint>
#include <cstring>
#include <iostream>
#include <vector>

#include "tracealloc_memory.h"

// Elements as they lie in the card's memory: as many bytes as the kernel's type has, fields where C++ puts them.
template <int BYTES>
struct element {
  unsigned char bytes[BYTES];
};

namespace tracealloc {
template <int BYTES>
inline void put(const element<BYTES> &x, unsigned char *to) {
  std::memcpy(to, x.bytes, BYTES);
}
}  // namespace tracealloc

#include "tracealloc_data.h"

#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"

int main(int argc, char **argv) {
  if (argc < 2) {
    std::cout << "usage: " << argv[0] << " gemm.xclbin [data folder]\n";
    return 2;
  }
  if (argc > 2) tracealloc::data_folder() = argv[2];
  long wrong = 0;
  try {
    xrt::device device(0);
    const auto uuid = device.load_xclbin(std::string(argv[1]));
    xrt::kernel kernel(device, uuid, "gemm");
    xrt::run run(kernel);

    xrt::bo A(device, sizeof(element<4>) * 16, kernel.group_id(0));
    auto A_map = A.map<element<4> *>();
    std::memset(A_map, 0, sizeof(element<4>) * 16);
    {
      const auto data = tracealloc::read_data("A.txt", __FILE__, 16, 4);
      for (long e = 0; e < 16; ++e) {
        std::memcpy(A_map[e].bytes + 0, &data[e * 4 + 0], 4);
      }
    }
    A.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    run.set_arg(0, A);

    xrt::bo B(device, sizeof(element<4>) * 32, kernel.group_id(1));
    auto B_map = B.map<element<4> *>();
    std::memset(B_map, 0, sizeof(element<4>) * 32);
    {
      const auto data = tracealloc::read_data("B.txt", __FILE__, 32, 4);
      for (long e = 0; e < 32; ++e) {
        std::memcpy(B_map[e].bytes + 0, &data[e * 4 + 0], 4);
      }
    }
    B.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    run.set_arg(1, B);

    xrt::bo C(device, sizeof(element<4>) * 32, kernel.group_id(2));
    auto C_map = C.map<element<4> *>();
    std::memset(C_map, 0, sizeof(element<4>) * 32);
    C.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    run.set_arg(2, C);

    run.start();
    run.wait();
    C.sync(XCL_BO_SYNC_BO_FROM_DEVICE);
    {
      std::vector<element<4>> found(32);
      for (long e = 0; e < 32; ++e) {
        std::memcpy(found[e].bytes + 0, C_map[e].bytes + 0, 4);
      }
      wrong += tracealloc::check<4>("C", "C_expected", __FILE__, found.data(), 32, true);
    }
  } catch (const std::exception &error) {
    std::cout << "FAIL: " << error.what() << "\n";
    return 2;
  }
  std::cout << (wrong ? "FAIL" : "PASS") << ": gemm\n";
  return wrong ? 1 : 0;
}
