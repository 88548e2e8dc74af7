// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of dataplane/reassembly.h and dataplane/fragment.h. The input is a series of steps: a
// fragment, made of a few numbers so that many fit together; a whole frame as it stands; or time
// that passes. The data of fragments says where it belongs, so whatever is put together must be
// right, byte by byte; no packet may be lost or counted twice, and no limit passed.
#include <string>

#include "dataplane/fragment.h"
#include "dataplane/reassembly.h"
#include "fuzz_packets.h"
#include "support/packet_builder.h"

namespace shunt {
namespace {

using test::Frame;
using test::PacketBuilder;
using namespace fuzz;

constexpr ReassemblyLimits limits{.datagrams = 6, .buffers = 12, .buffers_per_source = 8};
constexpr std::uint8_t experimental = 253;
constexpr std::size_t ethernet = 14;

std::byte data_at(std::size_t place, std::uint8_t datagram) {
    return static_cast<std::byte>(place ^ (place >> 8) * 31 ^ datagram * 29U);
}

/// Sixteen datagrams, by source (2 bits), protocol (1) and identification (1).
template <class F>
PacketBuilder builder(std::uint8_t datagram) {
    const std::string source = std::to_string(datagram >> 2);
    PacketBuilder b;
    if constexpr (F::family == Family::ipv4)
        b.ipv4("10.0.0." + source, "192.0.2.1");
    else
        b.ipv6("2001:db8::" + source, "2001:db8:1::1");
    // The protocol is no part of an IPv6 datagram's key.
    return b.ip_protocol(F::family == Family::ipv4 && (datagram & 2) != 0 ? 254 : experimental);
}

template <class F>
class Run {
  public:
    ~Run() {
        fragments_.release_all();
        check();
        REQUIRE(fragments_.empty());
        REQUIRE(counters_.held.value() == counters_.resumed.value());
    }

    void fragment(Numbers& in, TickTime now) {
        constexpr std::size_t far = 65528 - 63 * 8;
        const std::uint8_t who = in.next();
        const std::uint8_t where = in.next();
        const std::uint8_t how = in.next();
        const std::uint8_t datagram = who & 15;
        const std::size_t begin = (where & 63) * 8U + ((where & 0xC0) == 0xC0 ? far : 0);
        const std::size_t length = (how & 1) != 0 ? in.next() : (in.next() & 15) * 8U;
        Frame data(length);
        for (std::size_t i = 0; i < length; ++i) data[i] = data_at(begin + i, datagram);
        auto packet = builder<F>(datagram).payload(data).tos((who >> 4) & 3);
        if ((how & 2) != 0) packet.ip_options(Frame(8, std::byte{1})).extension(60, Frame(6));
        Frame frame = packet
                          .fragment(static_cast<std::uint16_t>(begin), (how & 4) != 0,
                                    100U + (datagram & (F::family == Family::ipv4 ? 1 : 3)))
                          .dont_fragment((how & 8) != 0)
                          .build();
        frame.resize(frame.size() + (how >> 4 & 3) * 5U, std::byte{0xEE});
        if (auto whole = add(packet_of(frame, (how >> 6) * 40U), now))
            take(*whole, datagram, in.next());
    }

    void frame(const Frame& frame, TickTime now) {
        if (auto whole = add(packet_of(frame, 0), now)) rte_pktmbuf_free(whole->packet);
    }

    void expire(TickTime now) {
        fragments_.expire(now, 3, [](rte_mbuf* first) noexcept {
            PacketMeta meta;
            const auto bytes = std::span(rte_pktmbuf_mtod(first, std::byte*), first->data_len);
            REQUIRE(!parse(PacketReader(bytes), first->pkt_len, meta));
        });
        check();
    }

  private:
    using Whole = typename Reassembler<F>::Whole;
    static constexpr NetworkKind kind =
        F::family == Family::ipv4 ? NetworkKind::ipv4 : NetworkKind::ipv6;

    void check() {
        REQUIRE(counters_.conserved());
        REQUIRE(fragments_.buffers() <= limits.buffers);
    }

    std::optional<Whole> add(rte_mbuf* packet, TickTime now) {
        PacketMeta meta;
        const auto bytes = std::span(rte_pktmbuf_mtod(packet, std::byte*), packet->data_len);
        if (parse(PacketReader(bytes), packet->pkt_len, meta) || meta.network != kind) {
            rte_pktmbuf_free(packet);
            return std::nullopt;
        }
        counters_.received.add();
        const auto whole = fragments_.add(packet, meta, now);
        if (whole) {
            bytes_in(whole->packet);
            counters_.forwarded.add();
        }
        check();
        return whole;
    }

    /// What came out is right, and so it is after it was cut again.
    void take(const Whole& whole, std::uint8_t datagram, std::uint8_t mtu) {
        const Frame frame = bytes_in(whole.packet);
        REQUIRE(test::checksums_ok(frame));
        PacketMeta meta;
        // The longest IPv6 packets are beyond what parse() takes.
        if (parse(PacketReader(frame), static_cast<std::uint32_t>(frame.size()), meta)) {
            REQUIRE(F::family == Family::ipv6 && frame.size() > 0xFFFF);
            rte_pktmbuf_free(whole.packet);
            return;
        }
        REQUIRE(meta.fragment == FragmentKind::none);
        const std::size_t data = meta.l4_offset;
        for (std::size_t i = data; i < ethernet + meta.l3_length; ++i)
            REQUIRE(frame[i] == data_at(i - data, datagram));
        REQUIRE(rte_pktmbuf_adj(whole.packet, ethernet) != nullptr);
        cut_again(whole.packet, meta, static_cast<std::uint16_t>(100 + mtu * 6));
    }

    void cut_again(rte_mbuf* packet, const PacketMeta& meta, std::uint16_t mtu) {
        if (packet->pkt_len != meta.l3_length) {  // padding of one that came whole
            rte_pktmbuf_free(packet);
            return;
        }
        std::size_t bytes = 0;
        const std::uint16_t pieces = cut<F>(packet, mtu, pool(), 1, [&](rte_mbuf* piece) noexcept {
            REQUIRE(piece->pkt_len <= mtu);
            bytes += bytes_in(piece).size();
            rte_pktmbuf_free(piece);
        });
        if (pieces == 0)
            rte_pktmbuf_free(packet);
        else
            REQUIRE(bytes >= meta.l3_length);
    }

    WorkerCounters counters_;
    Reassembler<F> fragments_{limits, counters_, 0x5EED};
};

}  // namespace
}  // namespace shunt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shunt;
    using namespace shunt::fuzz;
    {
        Numbers in(data, size);
        Run<Ipv4> v4;
        Run<Ipv6> v6;
        TickTime now;
        while (!in.empty()) {
            const std::uint8_t step = in.next();
            if (step < 100)
                v4.fragment(in, now);
            else if (step < 200)
                v6.fragment(in, now);
            else if (step < 220)
                now += Ticks(in.next());
            else if (step < 240)
                v4.frame(in.bytes(in.next()), now);
            else
                v6.frame(in.bytes(in.next()), now);
            v4.expire(now);
            v6.expire(now);
        }
    }
    REQUIRE(rte_mempool_avail_count(pool()) == pool_size);
    return 0;
}
