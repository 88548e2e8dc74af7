// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of dataplane/tcp_segment.h. The input makes a TCP packet with any options, in one
// buffer or several, and edits of its data; the segments that are made of it must carry the edited
// data and nothing else, with the headers, lengths and checksums that belong to them. Headers that
// are written over must keep the checksum right, and only SACK blocks may change in options.
#include "dataplane/tcp_segment.h"

#include <vector>

#include "dataplane/batch.h"
#include "fuzz_packets.h"

namespace shunt {
namespace {

using namespace fuzz;
using test::PacketBuilder;

constexpr std::size_t longest_options = 40;  // data is so short that one buffer takes all of it

std::uint32_t next_word(Numbers& in) {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) word = word << 8 | in.next();
    return word;
}

/// What stands before and behind the first SACK option of these.
std::pair<std::size_t, std::size_t> around_sack(std::span<const std::byte> options) {
    std::size_t at = 0;
    while (at < options.size()) {
        const auto kind = std::to_integer<unsigned>(options[at]);
        if (kind == 0) break;
        if (kind == 1) {
            ++at;
            continue;
        }
        if (at + 1 >= options.size()) break;
        const auto length = std::to_integer<std::size_t>(options[at + 1]);
        if (length < 2 || at + length > options.size()) break;
        if (kind == 5) return {at, at + length};
        at += length;
    }
    return {options.size(), options.size()};
}

template <class F>
class Run {
  public:
    explicit Run(Numbers& in) : in_(in), seq_(next_word(in)), fin_((in.next() & 1) != 0) {
        make_packet();
    }
    ~Run() { rte_pktmbuf_free(packet_); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

    void operator()() {
        const auto bytes = first_bytes(packet_);
        if (parse(PacketReader(bytes), packet_->pkt_len, meta_)) return;  // a header that was cut
        const auto header = read_tcp_header(packet_, meta_);
        if (!header) return;
        REQUIRE(tcp_checksum_right<F>(packet_, meta_));
        edit();
        map_options(*header);
        make_segments(*header);
        write_over(*header);
    }

  private:
    void make_packet() {
        const std::uint8_t shape = in_.next();
        PacketBuilder builder;
        if ((shape & 1) != 0) builder.vlan(7);
        if constexpr (F::family == Family::ipv4) {
            builder.ipv4("192.0.2.7", "198.51.100.10").dont_fragment((shape & 2) != 0);
            if ((shape & 4) != 0) builder.ip_options(Frame(8, std::byte{1}));
        } else {
            builder.ipv6("2001:db8::7", "2001:db8:1::10");
            if ((shape & 4) != 0) builder.extension(60, Frame(6));
        }
        const Frame options = in_.bytes(std::min<std::size_t>(in_.next(), longest_options));
        const std::size_t size = in_.next() * std::size_t{7} + (in_.next() & 7U);
        for (std::size_t i = 0; i < size; ++i) data_ += static_cast<char>('a' + i % 26);
        const auto flags = TcpHeader::ack | TcpHeader::psh | (fin_ ? TcpHeader::fin : 0);
        const Frame frame = builder.tcp(40000, 21, static_cast<std::uint8_t>(flags))
                                .sequence(seq_, next_word(in_))
                                .tcp_options(options)
                                .payload(data_)
                                .build();
        packet_ = packet_of(frame, in_.next() * std::size_t{4});
    }

    /// Up to as many edits as there may be, and perhaps an end of which nothing is known.
    void edit() {
        stream_ = StreamEdits(seq_);
        std::size_t at = 0;
        for (unsigned left = in_.next() & 15; left > 0 && at < data_.size(); --left) {
            at += in_.next();
            const std::size_t last = at + (in_.next() & 63);
            if (last >= data_.size()) break;
            const std::string text(in_.next() % 60, static_cast<char>('0' + left % 10));
            if (!stream_.replace(seq_ + static_cast<std::uint32_t>(at),
                                 seq_ + static_cast<std::uint32_t>(last), text))
                continue;
            expected_ += data_.substr(done_, at - done_) + text;
            done_ = at = last + 1;
        }
        const bool whole = (in_.next() & 3) != 0;
        const std::size_t known = whole ? data_.size() : done_ + (data_.size() - done_) / 2;
        const bool end = whole && fin_;
        expected_ += data_.substr(done_, known - done_);
        const auto next = seq_ + static_cast<std::uint32_t>(known) + (end ? 1 : 0);
        stream_.advance(next, next);
        out_ = stream_.translate(
            {.seq = seq_, .size = static_cast<std::uint32_t>(data_.size()), .fin = fin_});
        REQUIRE(out_.size == expected_.size());
        REQUIRE(out_.probe || (out_.seq == seq_ && out_.fin == end));
    }

    void map_options(TcpHeaderBytes header) {
        const std::vector<std::byte> before(header.options().begin(), header.options().end());
        const auto [from, to] = around_sack(before);
        map_sack(header.options(), stream_);
        for (std::size_t i = 0; i < before.size(); ++i)
            REQUIRE(header.options()[i] == before[i] || (i >= from && i < to));
        static_cast<void>(tcp_timestamps(header.options()));
    }

    void make_segments(const TcpHeaderBytes& header) {
        const std::uint32_t most = 1U + in_.next() * 7U;
        const Frame all = bytes_in(packet_);
        const std::span own = std::span(all).subspan(meta_.l4_offset + header.size, data_.size());
        SegmentData from(out_, own);
        std::uint32_t at = 0;
        do {
            const auto size = static_cast<std::uint16_t>(std::min(most, out_.size - at));
            TcpHeaderBytes own_header = header;
            TcpHeader fixed = header.fixed();
            fixed.sequence = Be32(seq_ + at);
            own_header.set_fixed(fixed);
            PacketMeta meta = meta_;
            rte_mbuf* made = make_segment<F>(pool(), packet_, meta, own_header, from, size);
            REQUIRE(made != nullptr);
            check_segment(bytes_in(made), meta, own_header, all,
                          std::string_view(expected_).substr(at, size));
            rte_pktmbuf_free(made);
            at += size;
        } while (at < out_.size);
    }

    void check_segment(const Frame& frame, const PacketMeta& said, const TcpHeaderBytes& header,
                       const Frame& original, std::string_view data) {
        PacketMeta meta;
        REQUIRE(!parse(PacketReader(frame), static_cast<std::uint32_t>(frame.size()), meta));
        REQUIRE(test::checksums_ok(frame));
        REQUIRE(meta.l3_length == said.l3_length && meta.l4_offset == said.l4_offset);
        REQUIRE(frame.size() == std::size_t{meta.l4_offset} + header.size + data.size());
        constexpr std::size_t checksum = offsetof(TcpHeader, checksum);
        for (std::size_t i = 0; i < header.size; ++i)
            REQUIRE(frame[meta.l4_offset + i] == header.bytes[i] || i - checksum < 2);
        REQUIRE(std::memcmp(frame.data() + meta.l4_offset + header.size, data.data(),
                            data.size()) == 0);
        REQUIRE(std::memcmp(frame.data(), original.data(), meta.l3_offset) == 0);
        constexpr std::size_t addresses =
            F::family == Family::ipv4 ? offsetof(Ipv4Header, source) : offsetof(Ipv6Header, source);
        REQUIRE(std::memcmp(frame.data() + meta.l3_offset + addresses,
                            original.data() + meta.l3_offset + addresses,
                            meta.l4_offset - meta.l3_offset - addresses) == 0);
    }

    void write_over(const TcpHeaderBytes& before) {
        TcpHeaderBytes after = before;
        TcpHeader fixed = after.fixed();
        fixed.sequence = Be32(next_word(in_));
        fixed.acknowledgement = Be32(next_word(in_));
        after.set_fixed(fixed);
        map_sack(after.options(), stream_);
        const Frame was = bytes_in(packet_);
        const bool written = write_tcp_header(packet_, meta_, before, after);
        const Frame is = bytes_in(packet_);
        REQUIRE(written || is == was);
        REQUIRE(tcp_checksum_right<F>(packet_, meta_));
        for (std::size_t i = 0; i < is.size(); ++i)
            REQUIRE(is[i] == was[i] || i - meta_.l4_offset < before.size);
    }

    Numbers& in_;
    const std::uint32_t seq_;
    const bool fin_;
    rte_mbuf* packet_ = nullptr;
    PacketMeta meta_;
    std::string data_;      ///< of the packet
    std::string expected_;  ///< what goes out for it
    std::size_t done_ = 0;  ///< so much of the data stands for the beginning of that
    StreamEdits stream_;
    StreamEdits::Output out_;
};

}  // namespace
}  // namespace shunt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace shunt;
    using namespace shunt::fuzz;
    Numbers in(data, size);
    if ((in.next() & 1) == 0)
        Run<Ipv4>{in}();
    else
        Run<Ipv6>{in}();
    REQUIRE(rte_mempool_avail_count(pool()) == pool_size);
    return 0;
}
