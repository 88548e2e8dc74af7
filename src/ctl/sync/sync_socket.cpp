// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/sync/sync_socket.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <boost/asio/ip/multicast.hpp>
#include <cstring>

#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {

namespace {

namespace asio = boost::asio;
using boost::asio::ip::udp;

constexpr unsigned usual_mtu = 1500;
constexpr unsigned udp_header = 8;

unsigned headers_of(const SyncDaemonConfig& config) noexcept {
    const bool ipv4 = config.group.family() == Family::ipv4;
    return udp_header + static_cast<unsigned>(ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
}

[[noreturn]] void fail(const std::string& what, int error_number) {
    throw refused(error_number, what + ": " + std::strerror(error_number), "");
}

template <class T>
void set_option(SyncSocket& socket, int level, int option, const T& value,
                const std::string& what) {
    if (setsockopt(socket.native_handle(), level, option, &value, sizeof(value)) != 0)
        fail(what, errno);
}

unsigned mtu_of(const std::string& interface) {
    ifreq request{};
    interface.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool known = any >= 0 && ioctl(any, SIOCGIFMTU, &request) == 0;
    if (any >= 0) close(any);
    return known ? static_cast<unsigned>(request.ifr_mtu) : usual_mtu;
}

/// Of a group that is the link's own, the interface is a part of the address.
asio::ip::address group_of(const SyncSetup& setup) {
    const IpAddress& group = setup.config.group;
    if (group.family() == Family::ipv4) return asio::ip::address_v4(group.v4().word.value());
    return asio::ip::address_v6(group.v6().bytes, setup.interface);
}

SyncSocket open_socket(asio::io_context& io, const SyncSetup& setup, int buffer_option) {
    SyncSocket socket(io);
    boost::system::error_code error;
    const bool ipv4 = setup.config.group.family() == Family::ipv4;
    socket.open(ipv4 ? udp::v4() : udp::v6(), error);
    if (error) fail("sync socket", error.value());
    socket.non_blocking(true);
    if (setup.buffer > 0)
        set_option(socket, SOL_SOCKET, buffer_option,
                   static_cast<int>(std::min<std::int64_t>(setup.buffer, INT32_MAX)),
                   "sync_sock_size");
    return socket;
}

}  // namespace

std::uint16_t sync_message_size(const SyncDaemonConfig& config, unsigned mtu) noexcept {
    constexpr unsigned least_of_backup = 1024;
    const unsigned headers = headers_of(config);
    const unsigned most = 65535 - headers;
    const bool backup = config.role == SyncRole::backup;
    unsigned size = (backup ? std::max(mtu, usual_mtu) : usual_mtu) - headers;
    if (config.maxlen != 0) size = config.maxlen;
    if (backup) size = std::max(size, least_of_backup);
    return static_cast<std::uint16_t>(std::min(size, most));
}

SyncSetup make_sync_setup(const SyncDaemonConfig& config, std::int64_t ports, std::int64_t buffer) {
    const unsigned index = if_nametoindex(config.interface.c_str());
    if (index == 0) throw refused(ENODEV, "no interface " + config.interface, "interface");
    return {.config = config,
            .interface = index,
            .maxlen = sync_message_size(config, mtu_of(config.interface)),
            .ports = static_cast<std::uint16_t>(
                std::bit_floor(static_cast<std::uint64_t>(std::clamp<std::int64_t>(ports, 1, 64)))),
            .buffer = buffer};
}

udp::endpoint sync_endpoint(const SyncSetup& setup, std::uint16_t number) {
    return {group_of(setup), static_cast<std::uint16_t>(setup.config.port + number)};
}

SyncSocket open_sync_sender(asio::io_context& io, const SyncSetup& setup) {
    SyncSocket socket = open_socket(io, setup, SO_SNDBUF);
    const std::string what = "sync master on " + setup.config.interface;
    const int index = static_cast<int>(setup.interface);
    if (setup.config.group.family() == Family::ipv4) {
        const ip_mreqn where{.imr_multiaddr = {}, .imr_address = {}, .imr_ifindex = index};
        set_option(socket, IPPROTO_IP, IP_MULTICAST_IF, where, what);
        set_option(socket, IPPROTO_IP, IP_MULTICAST_TTL, int{setup.config.ttl}, what);
        set_option(socket, IPPROTO_IP, IP_MULTICAST_LOOP, 0, what);
        set_option(socket, IPPROTO_IP, IP_MTU_DISCOVER, int{IP_PMTUDISC_DONT}, what);
    } else {
        set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, index, what);
        set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int{setup.config.ttl}, what);
        set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, what);
    }
    return socket;
}

SyncSocket open_sync_receiver(asio::io_context& io, const SyncSetup& setup, std::uint16_t number) {
    SyncSocket socket = open_socket(io, setup, SO_RCVBUF);
    const std::string what = "sync backup on " + setup.config.interface;
    socket.set_option(asio::socket_base::reuse_address(true));
    boost::system::error_code error;
    socket.bind(sync_endpoint(setup, number), error);
    if (error) fail(what, error.value());
    if (setup.config.group.family() == Family::ipv4) {
        ip_mreqn where{.imr_multiaddr = {},
                       .imr_address = {},
                       .imr_ifindex = static_cast<int>(setup.interface)};
        where.imr_multiaddr.s_addr = setup.config.group.v4().word.raw();
        set_option(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, where, what);
        set_option(socket, IPPROTO_IP, IP_MULTICAST_ALL, 0, what);
    } else {
        ipv6_mreq where{.ipv6mr_multiaddr = {}, .ipv6mr_interface = setup.interface};
        std::memcpy(&where.ipv6mr_multiaddr, setup.config.group.v6().bytes.data(),
                    sizeof(where.ipv6mr_multiaddr));
        set_option(socket, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, where, what);
        set_option(socket, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, what);
    }
    return socket;
}

}  // namespace shunt::ctl
