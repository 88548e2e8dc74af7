// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Packets that may open a connection, and where each went, in a word:
//
//   "first:8080"      to the first server, rewritten to its address and this port
//   "first as is:80"  to the first server's link address, addresses and ports unchanged
//   "refused"         the sender was told that the port is unreachable
//   "error 3/1"       or something else, by ICMP type and code
//   "host"            to the host's stack, unchanged
//   "client:40000"    to the client, from the virtual address
//   "dropped"         nothing came out
//
// Several of them stand side by side, with a comma.
#include <algorithm>

#include "support/worker_bench.h"

namespace shunt::test {

using Seconds = std::chrono::duration<std::uint32_t>;

/// Services with the two servers of the bench, which a scheduler takes in turn, and clients whose
/// addresses end in 100 to 119. ICMP errors are not limited.
class Admission : public ::testing::TestWithParam<Addresses> {
  protected:
    using H = TcpHeader;

    explicit Admission(const BenchOptions& options = {}) : bench(options) {
        for (int last = 100; last < 120; ++last)
            bench.network.add_neighbour(wan_link, ip(client(last)), mac(client_mac));
        bench.tunables.icmp_ratelimit = 0;
        bench.tunables.icmp_msgs_per_sec = 0;
        bench.publish();
    }

    [[nodiscard]] bool is_v4() const { return a.header == 20; }
    [[nodiscard]] std::uint8_t all_bits() const {
        return static_cast<std::uint8_t>(ip(a.vip).bits());
    }

    // What the next publish() puts in force. The references hold until the next service comes.
    WorkerBench::Service& add(Protocol protocol, int port, int server_port,
                              ForwardMethod forward = ForwardMethod::nat) {
        bench.add_service(protocol, a.endpoint(a.vip, port),
                          {a.endpoint(a.server, server_port), a.endpoint(a.server2, server_port)},
                          forward);
        return bench.services.back();
    }
    /// Takes the packets with mark 7, which all have that no rule of the test's own has marked.
    WorkerBench::Service& add_marked(int server_port, ForwardMethod forward = ForwardMethod::nat) {
        auto& service = add(Protocol::none, 0, server_port, forward);
        service.mark = Mark(7);
        bench.marks.push_back({.mark = Mark(7)});
        return service;
    }
    WorkerBench::Service& add_persistent(Protocol protocol, int port, int server_port,
                                         ForwardMethod forward = ForwardMethod::nat) {
        auto& service = add(protocol, port, server_port, forward);
        service.persistence = Persistence{.timeout = Seconds(300), .granularity = all_bits()};
        return service;
    }
    void set_weights(std::uint32_t weight) {
        for (auto& service : bench.services)
            for (auto& server : service.servers) server.weight = weight;
    }
    void set_removed(bool removed) {
        for (auto& service : bench.services)
            for (auto& server : service.servers) server.removed = removed;
    }

    /// The client whose address ends in `last`.
    [[nodiscard]] std::string client(int last) const {
        std::string text(a.client);
        return text.substr(0, text.size() - 3) + std::to_string(last);
    }
    [[nodiscard]] PacketBuilder from(int last = 100) const {
        return PacketBuilder().mac(client_mac, wan_mac).ip(client(last), a.vip);
    }
    [[nodiscard]] Frame tcp(std::uint16_t port, std::uint8_t flags, std::uint16_t to = 80,
                            int last = 100) const {
        return from(last).tcp(port, to, flags).build();
    }
    [[nodiscard]] Frame syn(std::uint16_t port, std::uint16_t to = 80, int last = 100) const {
        return tcp(port, H::syn, to, last);
    }
    [[nodiscard]] Frame udp(std::uint16_t port, std::uint16_t to = 80, int last = 100) const {
        return from(last).udp(port, to).build();
    }

    /// Puts it into the port and tells where it went.
    std::string send(const Frame& frame, PortId by = wan) {
        bench.put(by, frame);
        return went();
    }
    /// Where all went that was put.
    std::string went() {
        bench.settle();
        std::string words;
        const auto add = [&](const std::string& word) {
            words += (words.empty() ? "" : ", ") + word;
        };
        for (const PortId port : {wan, lan})
            for (const Frame& frame : bench.sent(port)) add(word_for(frame, port));
        for (const PortId port : {wan, lan})
            for (std::size_t n = bench.to_host(port).size(); n > 0; --n) add("host");
        return words.empty() ? "dropped" : words;
    }

    const Addresses& a = GetParam();
    WorkerBench bench;

  private:
    [[nodiscard]] std::string word_for(const Frame& frame, PortId port) const {
        const std::size_t transport = 14 + a.header;
        const int protocol = std::to_integer<int>(frame.at(is_v4() ? 14 + 9 : 14 + 6));
        if (protocol == (is_v4() ? 1 : 58)) {
            EXPECT_TRUE(checksums_ok(frame)) << checksum_problem(frame);
            const auto type = std::to_integer<int>(frame.at(transport));
            const auto code = std::to_integer<int>(frame.at(transport + 1));
            if (type == (is_v4() ? 3 : 1) && code == (is_v4() ? 3 : 4)) return "refused";
            return "error " + std::to_string(type) + '/' + std::to_string(code);
        }
        const std::string to_port = ':' + std::to_string(get16(frame, transport + 2));
        if (port == wan) return "client" + to_port;
        const bool to_first = goes_to_link(frame, server_mac);
        const std::string server = to_first ? "first" : "second";
        return server + (is_for(frame, to_first ? a.server : a.server2) ? "" : " as is") + to_port;
    }
    [[nodiscard]] static bool goes_to_link(const Frame& frame, std::string_view address) {
        const MacAddress link = mac(address);
        return std::equal(link.bytes.begin(), link.bytes.end(), frame.begin(),
                          [](auto x, auto y) { return x == std::to_integer<std::uint8_t>(y); });
    }
    [[nodiscard]] bool is_for(const Frame& frame, std::string_view address) const {
        const Frame like = PacketBuilder().ip(a.client, address).build();
        const auto size = static_cast<std::ptrdiff_t>(is_v4() ? 4 : 16);
        const auto end = static_cast<std::ptrdiff_t>(14 + a.header);
        return std::equal(frame.begin() + end - size, frame.begin() + end,
                          like.begin() + end - size);
    }
};

}  // namespace shunt::test
