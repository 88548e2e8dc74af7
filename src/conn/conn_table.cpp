// SPDX-License-Identifier: BSD-3-Clause
#include "conn/conn_table.h"

#include <utility>

namespace shunt {

namespace {

/// The share of bucket places that may be in use, in percent.
constexpr std::size_t load_percent = 70;

std::size_t buckets_for(std::uint32_t capacity, std::size_t places) {
    const std::size_t keys = std::size_t{capacity} * 2;
    return std::bit_ceil(keys * 100 / load_percent / places + 1);
}

}  // namespace

template <class F>
ConnTable<F>::ConnTable(std::uint32_t capacity, std::uint64_t seed, TickTime now)
    : capacity_(capacity),
      seed_(seed),
      bucket_mask_(buckets_for(capacity, places) - 1),
      buckets_(bucket_mask_ + 1, Touch::at_start),
      conns_(capacity, Touch::at_start),
      wheel_(capacity, now),
      half_open_(capacity),
      free_head_(no_slot) {}

template <class F>
ConnRef<F> ConnTable<F>::find(const FlowTuple<F>& tuple, std::uint32_t hash) noexcept {
    settle(hash);
    std::size_t at = home(hash);
    // Every bucket may have been passed, so it is the count that ends the search.
    for (std::size_t n = 0; n <= bucket_mask_; ++n, at = (at + 1) & bucket_mask_) {
        const Bucket& bucket = buckets_[at];
        for (unsigned m = matches(bucket, tag(hash)); m != 0; m &= m - 1)
            if (const auto found = confirm(bucket.refs[lowest(m)], tuple); found.conn) return found;
        if (bucket.passed == 0) break;
    }
    return {};
}

template <class F>
void ConnTable<F>::file(std::uint32_t hash, std::uint32_t ref) noexcept {
    settle(hash);
    unsigned alike = 0;  // places on the way that may have the same key
    for (std::size_t at = home(hash);; at = (at + 1) & bucket_mask_) {
        Bucket& bucket = buckets_[at];
        alike |= matches(bucket, tag(hash));
        if (const unsigned free = matches(bucket, 0); free != 0) {
            const std::size_t place = lowest(free);
            bucket.tags[place] = tag(hash);
            bucket.refs[place] = ref;
            if (alike != 0) [[unlikely]]
                put_first(hash, bucket.refs[place]);
            return;
        }
        ++bucket.passed;
    }
}

template <class F>
void ConnTable<F>::file_later(std::uint32_t hash, std::uint32_t ref) noexcept {
    prefetch(hash);
    if (later_count_ == later_.size()) settle();
    later_[later_count_++] = {hash, ref};
}

template <class F>
void ConnTable<F>::settle() noexcept {
    const std::uint32_t count = std::exchange(later_count_, 0);
    for (std::uint32_t i = 0; i < count; ++i) file(later_[i].hash, later_[i].ref);
}

/// Of connections with the same key the one filed last is to be found first, then the one before
/// it: each moves to the place of the next older one, as far as the place that was free.
template <class F>
void ConnTable<F>::put_first(std::uint32_t hash, std::uint32_t& filed) noexcept {
    std::uint32_t moving = filed;
    const FlowTuple<F> tuple = conns_[filed >> 1].tuple(static_cast<Direction>(filed & 1U));
    for (std::size_t at = home(hash);; at = (at + 1) & bucket_mask_) {
        Bucket& bucket = buckets_[at];
        for (unsigned m = matches(bucket, tag(hash)); m != 0; m &= m - 1) {
            std::uint32_t& ref = bucket.refs[lowest(m)];
            if (&ref == &filed) {
                ref = moving;
                return;
            }
            if (confirm(ref, tuple).conn != nullptr) std::swap(ref, moving);
        }
    }
}

template <class F>
void ConnTable<F>::unfile(std::uint32_t hash, std::uint32_t ref) noexcept {
    settle(hash);
    for (std::size_t at = home(hash);; at = (at + 1) & bucket_mask_) {
        Bucket& bucket = buckets_[at];
        for (unsigned m = matches(bucket, tag(hash)); m != 0; m &= m - 1) {
            const std::size_t place = lowest(m);
            if (bucket.refs[place] != ref) continue;
            bucket.tags[place] = 0;
            return;
        }
        assert(bucket.passed > 0);
        --bucket.passed;
    }
}

template <class F>
std::uint32_t ConnTable<F>::take_slot() noexcept {
    if (free_head_ != no_slot) return std::exchange(free_head_, conns_[free_head_].generation);
    return slots_used_ < capacity_ ? slots_used_++ : no_slot;
}

template <class F>
void ConnTable<F>::file_new(std::uint32_t index, std::uint32_t client_hash) noexcept {
    const Conn<F>& conn = conns_[index];
    assert(conn.protocol != Protocol::none);
    file(client_hash, ref_to(index, Direction::from_client));
    const std::uint32_t server_hash = hash(conn, Direction::from_server);
    file_later(server_hash, ref_to(index, Direction::from_server));
    look_again(client_hash);
    look_again(server_hash);
    wheel_.arm(index, conn.expires);
    size_.add();
}

template <class F>
void ConnTable<F>::erase(Conn<F>& conn) noexcept {
    const auto index = static_cast<std::uint32_t>(&conn - conns_.data());
    wheel_.disarm(index);
    release(index);
}

template <class F>
void ConnTable<F>::release(std::uint32_t index) noexcept {
    Conn<F>& conn = conns_[index];
    for (const auto d : {Direction::from_client, Direction::from_server})
        unfile(hash(conn, d), ref_to(index, d));
    set_half_open(conn, false);
    conn.protocol = Protocol::none;
    conn.generation = free_head_;
    free_head_ = index;
    size_.sub();
}

template <class F>
void ConnTable<F>::set_half_open(Conn<F>& conn, bool half_open) noexcept {
    if (conn.half_open == half_open) return;
    if (!half_open) {
        conn.half_open = false;
        return half_open_.remove();
    }
    const auto index = static_cast<std::uint32_t>(&conn - conns_.data());
    conn.half_open_place =
        half_open_.add(index, stands(), [this](std::uint32_t slot, HalfOpenPlace place) noexcept {
            conns_[slot].half_open_place = place;
        });
    conn.half_open = true;
}

template <class F>
Conn<F>* ConnTable<F>::oldest_half_open() noexcept {
    return half_open_.count() == 0 ? nullptr : &conns_[half_open_.oldest(stands())];
}

template <class F>
void ConnTable<F>::expires_sooner(Conn<F>& conn) noexcept {
    const auto index = static_cast<std::uint32_t>(&conn - conns_.data());
    if (wheel_.armed_for(index) <= conn.expires) return;
    wheel_.disarm(index);
    wheel_.arm(index, conn.expires);
}

template class ConnTable<Ipv4>;
template class ConnTable<Ipv6>;

}  // namespace shunt
