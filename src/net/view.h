// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The only door to packet bytes. A view knows how many bytes there are and copies values in and
// out; nothing is cast, nothing is read or written beyond the end.
#include <cassert>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace shunt {

template <class T>
concept WireValue = std::is_trivially_copyable_v<T> && alignof(T) <= 2;

/// Read-only bytes of one packet from some header on. Owner of the bytes: whoever made the view.
class PacketReader {
  public:
    constexpr PacketReader() noexcept = default;
    constexpr explicit PacketReader(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

    [[nodiscard]] constexpr std::size_t size() const noexcept { return bytes_.size(); }

    /// Do N bytes at `offset` lie inside?
    template <std::size_t N>
    [[nodiscard]] constexpr bool holds(std::size_t offset) const noexcept {
        return offset <= bytes_.size() && bytes_.size() - offset >= N;
    }
    /// N bytes at `offset`, of which holds() has said that they lie inside.
    template <std::size_t N>
    [[nodiscard]] constexpr std::span<const std::byte, N> at(std::size_t offset) const noexcept {
        assert(holds<N>(offset));
        return bytes_.subspan(offset).template first<N>();
    }

    /// The value at `offset`, or nothing when it does not lie wholly inside.
    template <WireValue T>
    [[nodiscard]] std::optional<T> read(std::size_t offset) const noexcept {
        if (!holds<sizeof(T)>(offset)) return std::nullopt;
        T value;
        std::memcpy(&value, bytes_.data() + offset, sizeof(T));
        return value;
    }

    /// Exactly N bytes at `offset` as a fixed span whose fields are loaded without a further check
    /// and without a copy of the rest, or nothing.
    template <std::size_t N>
    [[nodiscard]] std::optional<std::span<const std::byte, N>> fixed(
        std::size_t offset) const noexcept {
        if (!holds<N>(offset)) return std::nullopt;
        return at<N>(offset);
    }

    /// The bytes from `offset` on, at most `length`; empty when `offset` lies beyond the end.
    [[nodiscard]] constexpr PacketReader sub(
        std::size_t offset, std::size_t length = std::dynamic_extent) const noexcept {
        if (offset > bytes_.size()) return PacketReader();
        const std::size_t left = bytes_.size() - offset;
        return PacketReader(bytes_.subspan(offset, length < left ? length : left));
    }

    [[nodiscard]] constexpr std::span<const std::byte> bytes() const noexcept { return bytes_; }

  private:
    std::span<const std::byte> bytes_;
};

/// Writable bytes of one packet.
class PacketWriter {
  public:
    constexpr explicit PacketWriter(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}

    /// N bytes at `offset`, of which reader().holds() has said that they lie inside.
    template <std::size_t N>
    [[nodiscard]] constexpr std::span<std::byte, N> at(std::size_t offset) const noexcept {
        assert(reader().template holds<N>(offset));
        return bytes_.subspan(offset).template first<N>();
    }
    /// Exactly N bytes at `offset` as a fixed span whose fields need no further check, or nothing.
    template <std::size_t N>
    [[nodiscard]] std::optional<std::span<std::byte, N>> fixed(std::size_t offset) const noexcept {
        if (!reader().template holds<N>(offset)) return std::nullopt;
        return at<N>(offset);
    }

    /// Copies `value` to `offset`; false, and nothing written, when it does not fit.
    template <WireValue T>
    [[nodiscard]] bool write(std::size_t offset, const T& value) const noexcept {
        if (!reader().template holds<sizeof(T)>(offset)) return false;
        std::memcpy(bytes_.data() + offset, &value, sizeof(T));
        return true;
    }

    [[nodiscard]] constexpr PacketReader reader() const noexcept { return PacketReader(bytes_); }
    [[nodiscard]] constexpr std::span<std::byte> bytes() const noexcept { return bytes_; }

  private:
    std::span<std::byte> bytes_;
};

/// Loads the T at a compile-time offset of a fixed span: the bound is checked by the compiler.
template <WireValue T, std::size_t Offset = 0, class Byte, std::size_t N>
[[nodiscard]] T load(std::span<Byte, N> bytes) noexcept {
    static_assert(N != std::dynamic_extent && Offset + sizeof(T) <= N);
    T value;
    std::memcpy(&value, bytes.data() + Offset, sizeof(T));
    return value;
}

/// Stores `value` at a compile-time offset of a fixed span.
template <std::size_t Offset = 0, WireValue T, std::size_t N>
void store(std::span<std::byte, N> bytes, const T& value) noexcept {
    static_assert(N != std::dynamic_extent && Offset + sizeof(T) <= N);
    std::memcpy(bytes.data() + Offset, &value, sizeof(T));
}

/// Stores `value` at an offset that is known to lie inside.
template <WireValue T, std::size_t N>
void store_at(std::span<std::byte, N> bytes, std::size_t offset, const T& value) noexcept {
    assert(offset + sizeof(T) <= N);
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace shunt
