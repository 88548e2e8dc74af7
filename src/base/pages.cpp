// SPDX-License-Identifier: BSD-3-Clause
#include "base/pages.h"

#include <sys/mman.h>

#include <limits>
#include <new>

namespace shunt {

namespace {
constexpr std::size_t huge_page = std::size_t{2} << 20;

void* map(std::size_t bytes, int flags) {
    void* p =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}
}  // namespace

Pages::Pages(std::size_t bytes) {
    if (bytes > std::numeric_limits<std::size_t>::max() - huge_page) throw std::bad_alloc();
    const bool large = bytes >= huge_page;
    size_ = large ? (bytes + huge_page - 1) / huge_page * huge_page : bytes;
    if (size_ == 0) return;
    if (large) data_ = map(size_, MAP_HUGETLB);
    if (data_ == nullptr) {
        data_ = map(size_, MAP_NORESERVE);
        if (data_ != nullptr && large) madvise(data_, size_, MADV_HUGEPAGE);
    }
    if (data_ == nullptr) throw std::bad_alloc();
}

Pages::~Pages() {
    if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace shunt
