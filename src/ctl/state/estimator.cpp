// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/state/estimator.h"

namespace shunt::ctl {

namespace {

constexpr unsigned packet_scale = 10;  ///< bits behind the point
constexpr unsigned byte_scale = 5;

/// Moves an average by a quarter toward the rate of the period that counted `increase`. Halving
/// makes a rate a second of a count in two.
void move(std::uint64_t& average, std::uint64_t increase, unsigned scale) noexcept {
    const auto rate = static_cast<std::int64_t>(increase << (scale - 1));
    const auto was = static_cast<std::int64_t>(average);
    average = static_cast<std::uint64_t>(was + ((rate - was) >> 2));
}

std::uint64_t read_out(std::uint64_t average, unsigned scale) noexcept {
    return (average + (1U << (scale - 1)) - 1) >> scale;
}

}  // namespace

Traffic& Traffic::operator+=(const Traffic& o) noexcept {
    connections += o.connections;
    packets_in += o.packets_in;
    packets_out += o.packets_out;
    bytes_in += o.bytes_in;
    bytes_out += o.bytes_out;
    return *this;
}

Traffic& Traffic::operator-=(const Traffic& o) noexcept {
    connections -= o.connections;
    packets_in -= o.packets_in;
    packets_out -= o.packets_out;
    bytes_in -= o.bytes_in;
    bytes_out -= o.bytes_out;
    return *this;
}

Traffic operator+(Traffic a, const Traffic& b) noexcept {
    return a += b;
}
Traffic operator-(Traffic a, const Traffic& b) noexcept {
    return a -= b;
}

void RateEstimator::sample(const Traffic& counted) noexcept {
    const Traffic increase = counted - last_;
    last_ = counted;
    move(average_.connections, increase.connections, packet_scale);
    move(average_.packets_in, increase.packets_in, packet_scale);
    move(average_.packets_out, increase.packets_out, packet_scale);
    move(average_.bytes_in, increase.bytes_in, byte_scale);
    move(average_.bytes_out, increase.bytes_out, byte_scale);
}

Traffic RateEstimator::per_second() const noexcept {
    return {.connections = read_out(average_.connections, packet_scale),
            .packets_in = read_out(average_.packets_in, packet_scale),
            .packets_out = read_out(average_.packets_out, packet_scale),
            .bytes_in = read_out(average_.bytes_in, byte_scale),
            .bytes_out = read_out(average_.bytes_out, byte_scale)};
}

}  // namespace shunt::ctl
