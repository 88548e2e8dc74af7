// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Containers of which many versions are alive at a time and share what they have in common. A copy
// costs some pointers; a change copies the part that it touches and the way to it, once a version.
// One thread makes, changes and drops versions; any may read one that is not changed any more.
#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <memory>
#include <vector>

namespace shunt {

/// Bytes of a version, by whether the one before has them too.
struct Footprint {
    std::size_t shared = 0;
    std::size_t own = 0;
    std::size_t own_parts = 0;

    void add(std::size_t bytes, bool is_shared) noexcept {
        (is_shared ? shared : own) += bytes;
        own_parts += is_shared ? 0 : 1;
    }
};

/// Parts by number. They are made when they are first edited.
template <class Part>
class SharedTree {
  public:
    static constexpr std::size_t fan = 64;

    /// Null when the part has never been made.
    [[nodiscard]] const Part* find(std::size_t i) const noexcept {
        if (i / fan >= nodes_.size() || nodes_[i / fan] == nullptr) return nullptr;
        return nodes_[i / fan]->parts[i % fan].get();
    }
    /// A part that has been made.
    [[nodiscard]] const Part& operator[](std::size_t i) const noexcept {
        return *nodes_[i / fan]->parts[i % fan];
    }
    /// The part as this version alone has it. Valid until the next copy of the tree.
    [[nodiscard]] Part& edit(std::size_t i) {
        if (i / fan >= nodes_.size()) nodes_.resize(i / fan + 1);
        return own(own(nodes_[i / fan]).parts[i % fan]);
    }
    /// As if it had never been made.
    void drop(std::size_t i) {
        if (find(i) != nullptr) own(nodes_[i / fan]).parts[i % fan].reset();
    }

    /// visit(number, mine, its) for each part that is not one and the same in both; null: not made.
    template <class Visit>
    void compare(const SharedTree& other, Visit visit) const {
        for (std::size_t n = 0; n < std::max(nodes_.size(), other.nodes_.size()); ++n) {
            if (node(n) == other.node(n)) continue;
            for (std::size_t i = n * fan; i < (n + 1) * fan; ++i)
                if (find(i) != other.find(i)) visit(i, find(i), other.find(i));
        }
    }

    /// `bytes` of a part.
    template <class Bytes>
    void measure(const SharedTree& before, Footprint& sum, Bytes bytes) const {
        sum.own += nodes_.capacity() * sizeof(nodes_[0]);
        for (std::size_t n = 0; n < nodes_.size(); ++n) {
            if (node(n) == nullptr) continue;
            sum.add(sizeof(Node), node(n) == before.node(n));
            for (std::size_t i = n * fan; i < (n + 1) * fan; ++i)
                if (const Part* part = find(i)) sum.add(bytes(*part), part == before.find(i));
        }
    }

  private:
    struct Node {
        std::array<std::shared_ptr<Part>, fan> parts;
    };

    [[nodiscard]] const Node* node(std::size_t n) const noexcept {
        return n < nodes_.size() ? nodes_[n].get() : nullptr;
    }
    /// Nobody else can take a share meanwhile: who could runs on the same thread.
    template <class T>
    static T& own(std::shared_ptr<T>& shared) {
        if (shared == nullptr)
            shared = std::make_shared<T>();
        else if (shared.use_count() != 1)
            shared = std::make_shared<T>(*shared);
        return *shared;
    }

    std::vector<std::shared_ptr<Node>> nodes_;
};

/// A list that grows and shrinks at its end.
template <class T>
class SharedArray {
  public:
    static constexpr std::size_t part_size = 64;
    using Part = std::array<T, part_size>;

    class Iterator {
      public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = const T*;
        using reference = const T&;

        Iterator() = default;
        Iterator(const SharedArray& array, std::size_t at) noexcept : array_(&array), at_(at) {}
        reference operator*() const noexcept { return (*array_)[at_]; }
        pointer operator->() const noexcept { return &**this; }
        Iterator& operator++() noexcept { return ++at_, *this; }
        Iterator operator++(int) noexcept {
            const Iterator was = *this;
            ++at_;
            return was;
        }
        bool operator==(const Iterator&) const noexcept = default;

      private:
        const SharedArray* array_ = nullptr;
        std::size_t at_ = 0;
    };

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept {
        return parts_[i / part_size][i % part_size];
    }
    [[nodiscard]] Iterator begin() const noexcept { return {*this, 0}; }
    [[nodiscard]] Iterator end() const noexcept { return {*this, size_}; }

    /// Valid until the next copy of the list.
    [[nodiscard]] T& edit(std::size_t i) { return parts_.edit(i / part_size)[i % part_size]; }
    void push_back(T value) { edit(size_++) = std::move(value); }
    void pop_back() { edit(--size_) = T{}; }

    /// visit(place, mine, its) for each element of the parts that are not the same in both; what
    /// one has not is as T{}.
    template <class Visit>
    void compare(const SharedArray& other, Visit visit) const {
        static const Part none{};
        parts_.compare(other.parts_, [&](std::size_t p, const Part* mine, const Part* its) {
            for (std::size_t i = 0; i < part_size; ++i)
                visit(p * part_size + i, (mine == nullptr ? none : *mine)[i],
                      (its == nullptr ? none : *its)[i]);
        });
    }
    void measure(const SharedArray& before, Footprint& sum) const {
        parts_.measure(before.parts_, sum, [](const Part& part) { return sizeof(part); });
    }

  private:
    SharedTree<Part> parts_;
    std::size_t size_ = 0;
};

}  // namespace shunt
