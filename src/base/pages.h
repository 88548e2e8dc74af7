// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Large zeroed arrays for tables: huge pages when the kernel has them free, transparent huge pages
// otherwise, ordinary pages as the last resort. The kernel makes a page when it is touched for the
// first time, and a huge one may take longer than a worker may stop for: docs/decisions/0014.
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

namespace shunt {

/// When the pages of a mapping are made.
enum class Touch : std::uint8_t {
    on_use,    ///< with the first access; but at once on huge pages, which are taken anyway
    at_start,  ///< at once: no access ever waits
};

/// An anonymous zeroed mapping. Owner: the object. Thread: any, one at a time.
class Pages {
  public:
    Pages() noexcept = default;
    /// Maps at least `bytes`. Throws std::bad_alloc when the address space or a limit forbids it,
    /// and when pages are made at once and there are not enough.
    explicit Pages(std::size_t bytes, Touch touch = Touch::on_use);
    Pages(Pages&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Pages& operator=(Pages&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Pages();

    [[nodiscard]] void* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

  private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// A fixed array of zero-initialised T on Pages.
template <class T>
requires std::is_trivially_destructible_v<T>
class PageArray {
  public:
    PageArray() noexcept = default;
    /// Throws std::bad_alloc.
    explicit PageArray(std::size_t count, Touch touch = Touch::on_use)
        : pages_(bytes_of(count), touch), count_(count) {}

    [[nodiscard]] T& operator[](std::size_t i) noexcept { return data()[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data()[i]; }
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return pages_.size(); }
    [[nodiscard]] T* data() const noexcept { return static_cast<T*>(pages_.data()); }

  private:
    /// What is too much for a size_t is too much for Pages.
    static std::size_t bytes_of(std::size_t count) noexcept {
        std::size_t bytes = 0;
        return __builtin_mul_overflow(count, sizeof(T), &bytes) ? SIZE_MAX : bytes;
    }
    Pages pages_;
    std::size_t count_ = 0;
};

}  // namespace shunt
