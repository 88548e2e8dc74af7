// SPDX-License-Identifier: BSD-3-Clause
#include "base/pages.h"

#include <sys/mman.h>

#include <cerrno>
#include <limits>
#include <new>

namespace shunt {

namespace {
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t ordinary_page = 4096;

void* map(std::size_t bytes, int flags) {
    void* p =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

/// Has the kernel make all pages of a fresh mapping. False: there are not enough.
bool make_pages(void* data, std::size_t bytes, std::size_t page) {
    if (madvise(data, bytes, MADV_POPULATE_WRITE) == 0) return true;
    if (errno != EINVAL) return false;
    // Before Linux 5.14 each has to be written to.
    auto* at = static_cast<volatile std::byte*>(data);
    for (std::size_t i = 0; i < bytes; i += page) at[i] = std::byte{0};
    return true;
}

/// All on huge pages, and all there; null when the kernel has not so many free.
void* map_huge(std::size_t bytes) {
    void* p = map(bytes, MAP_HUGETLB);
    if (p == nullptr || make_pages(p, bytes, huge_page)) return p;
    munmap(p, bytes);
    return nullptr;
}

/// Transparent huge pages where `bytes` are whole ones.
void* map_ordinary(std::size_t bytes, Touch touch) {
    void* p = map(bytes, MAP_NORESERVE);
    if (p == nullptr) return nullptr;
    if (bytes % huge_page == 0) madvise(p, bytes, MADV_HUGEPAGE);
    if (touch == Touch::on_use || make_pages(p, bytes, ordinary_page)) return p;
    munmap(p, bytes);
    return nullptr;
}
}  // namespace

Pages::Pages(std::size_t bytes, Touch touch) {
    if (bytes > std::numeric_limits<std::size_t>::max() - huge_page) throw std::bad_alloc();
    const bool large = bytes >= huge_page;
    size_ = large ? (bytes + huge_page - 1) / huge_page * huge_page : bytes;
    if (size_ == 0) return;
    if (large) data_ = map_huge(size_);
    if (data_ == nullptr) data_ = map_ordinary(size_, touch);
    if (data_ == nullptr) throw std::bad_alloc();
}

Pages::~Pages() {
    if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace shunt
