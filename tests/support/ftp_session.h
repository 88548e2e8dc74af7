// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// An FTP session through workers of a bench: a client and a server that speak TCP well enough to
// notice any byte or number that is wrong, and their data connections.
//
//   FtpSession ftp(bench, v4, 40000);
//   ftp.open();
//   EXPECT_EQ(ftp.client_says("PASV\r\n"), "PASV\r\n");
//   EXPECT_EQ(ftp.server_says("227 (198,51,100,11,195,80)\r\n"), "227 (192,0,2,10,195,80)\r\n");
#include <string>
#include <string_view>
#include <vector>

#include "support/worker_bench.h"

namespace shunt::test {

/// A TCP segment as it left, without its addresses.
struct SegmentOut {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
    std::uint32_t seq = 0;
    std::uint32_t ack = 0;
    std::uint8_t flags = 0;
    std::uint16_t window = 0;
    std::uint16_t urgent = 0;
    Frame options;
    std::string data;
};
/// Fails the test when a checksum is wrong.
[[nodiscard]] SegmentOut segment_of(const Frame& frame, const Addresses& a);
[[nodiscard]] std::vector<SegmentOut> segments_of(const std::vector<Frame>& frames,
                                                  const Addresses& a);

/// One end of a TCP connection.
struct TcpEnd {
    std::uint32_t next = 0;     ///< of its own stream
    std::uint32_t expects = 0;  ///< of the other's
    std::uint32_t acked = 0;    ///< what it was told of its own
    std::string received{};

    /// Takes what is new, as TCP does. Bytes that differ from what it has are not noticed here.
    void take(const SegmentOut& segment);
};

class FtpSession {
  public:
    FtpSession(WorkerBench& bench, const Addresses& addresses, std::uint16_t client_port,
               std::string_view server_address = {});

    /// SYN, SYN/ACK, ACK. `first`: what the streams begin with.
    void open(std::uint32_t client_first = 1000, std::uint32_t server_first = 5'000'000);

    // Says it in pieces of `piece` bytes, and returns what arrived of it. The receiver acknowledges
    // each piece.
    std::string client_says(std::string_view text, std::size_t piece = 100'000);
    std::string server_says(std::string_view text, std::size_t piece = 100'000);

    // Packets of the ends, with their numbers as they are now, to be changed before they are sent.
    [[nodiscard]] PacketBuilder from_client_end(std::uint8_t flags) const;
    [[nodiscard]] PacketBuilder from_server_end(std::uint8_t flags) const;
    /// Puts a frame of the client (or server) into the bench; what comes out reaches the ends.
    void put_from_client(const Frame& frame);
    void put_from_server(const Frame& frame);

    /// A passive data connection: where its SYN goes, "198.51.100.11:50000" or "nowhere", and what
    /// the client sees as the source of the SYN/ACK behind it.
    std::string client_calls(std::uint16_t from, std::uint16_t to, std::string_view server_address,
                             std::uint16_t server_port);
    /// An active one: what the client sees calling, "192.0.2.10:20 > 5001" or "nowhere".
    std::string server_calls(std::uint16_t from, std::uint16_t to);

    TcpEnd client;
    TcpEnd server;
    std::vector<SegmentOut> to_client;  ///< all that came there with the last frame
    std::vector<SegmentOut> to_server;

  private:
    std::string say(bool by_client, std::string_view text, std::size_t piece);
    void collect();

    WorkerBench& bench_;
    const Addresses& a_;
    std::uint16_t port_;
    std::string_view server_;
};

}  // namespace shunt::test
