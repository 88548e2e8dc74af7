// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/netlink_socket.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

namespace shunt::ctl {

namespace {

constexpr int buffer_bytes = 1 << 20;     ///< what may wait for us before the kernel drops it
constexpr int message_bytes = 32 * 1024;  ///< the most that the kernel puts into one read of a dump

[[noreturn]] void fail(int error, const std::string& doing) {
    throw std::system_error(error, std::generic_category(), "netlink: " + doing);
}

/// libnl tells its own error numbers; the system's are still in errno after a failed call.
void check(int result, const std::string& doing) {
    if (result < 0) fail(errno != 0 ? errno : EIO, doing + " (" + nl_geterror(result) + ")");
}

struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
    void operator()(nl_msg* m) const noexcept { nlmsg_free(m); }
};

/// One datagram of the kernel.
class Datagram {
  public:
    /// Returns libnl's result: a length, or a negative error number.
    int receive(nl_sock* socket) {
        unsigned char* data = nullptr;
        sockaddr_nl from{};
        length_ = nl_recv(socket, &from, &data, nullptr);
        data_.reset(data);
        if (length_ > 0 && from.nl_pid != 0) length_ = 0;  // another process may send to us too
        return length_;
    }
    /// Calls `each` until it returns false.
    template <class Fn>
    bool visit(Fn&& each) {
        int left = length_;
        auto* message = reinterpret_cast<nlmsghdr*>(data_.get());
        for (; nlmsg_ok(message, left) != 0; message = nlmsg_next(message, &left))
            if (!each(*message)) return false;
        return true;
    }

  private:
    std::unique_ptr<unsigned char, Free> data_;
    int length_ = 0;
};

int error_of(const nlmsghdr& message) {
    return message.nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))
               ? EPROTO
               : -static_cast<const nlmsgerr*>(NLMSG_DATA(&message))->error;
}

}  // namespace

void NetlinkSocket::Close::operator()(nl_sock* socket) const noexcept {
    nl_socket_free(socket);
}

NetlinkSocket::NetlinkSocket(std::initializer_list<int> groups) : socket_(nl_socket_alloc()) {
    if (socket_ == nullptr) fail(ENOMEM, "socket");
    nl_sock* socket = socket_.get();
    errno = 0;
    check(nl_connect(socket, NETLINK_ROUTE), "socket");
    nl_socket_disable_auto_ack(socket);
    nl_socket_disable_msg_peek(socket);
    check(nl_socket_set_msg_buf_size(socket, message_bytes), "message size");
    check(nl_socket_set_buffer_size(socket, buffer_bytes, 0), "buffer size");
    for (const int group : groups)
        check(nl_socket_add_membership(socket, group), "group " + std::to_string(group));
    if (groups.size() != 0) check(nl_socket_set_nonblocking(socket), "non-blocking");
}

int NetlinkSocket::fd() const noexcept {
    return nl_socket_get_fd(socket_.get());
}

void NetlinkSocket::dump(int type, int family, const Each& each) {
    errno = 0;
    rtgenmsg request{};
    request.rtgen_family = static_cast<unsigned char>(family);
    const std::unique_ptr<nl_msg, Free> message(
        nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP));
    if (message == nullptr) fail(ENOMEM, "dump");
    // The kernel wants the header of the type, of which the family is always the first byte.
    std::array<char, sizeof(ifinfomsg)> header{};
    std::memcpy(header.data(), &request, sizeof request);
    check(nlmsg_append(message.get(), header.data(), header.size(), NLMSG_ALIGNTO), "dump");
    check(nl_send_auto(socket_.get(), message.get()), "dump");
    const std::uint32_t sequence = nlmsg_hdr(message.get())->nlmsg_seq;
    for (bool more = true; more;) {
        Datagram datagram;
        errno = 0;
        const int length = datagram.receive(socket_.get());
        if (length == -NLE_INTR) continue;
        check(length, "dump");
        more = datagram.visit([&](nlmsghdr& part) {
            if (part.nlmsg_seq != sequence) return true;
            if (part.nlmsg_type == NLMSG_DONE) return false;
            if (part.nlmsg_type == NLMSG_ERROR) fail(error_of(part), "dump");
            each(part);
            return true;
        });
    }
}

bool NetlinkSocket::drain(const Each& each) {
    for (bool whole = true;;) {
        Datagram datagram;
        errno = 0;
        const int length = datagram.receive(socket_.get());
        if (length == -NLE_AGAIN) return whole;
        if (length < 0 && errno == ENOBUFS)
            whole = false;
        else if (length != -NLE_INTR)
            check(length, "events");
        if (length > 0) datagram.visit([&](nlmsghdr& message) { return each(message), true; });
    }
}

void NetlinkSocket::use_neighbour(int ifindex, const IpAddress& address) {
    ndmsg header{};
    header.ndm_family = address.family() == Family::ipv4 ? AF_INET : AF_INET6;
    header.ndm_ifindex = ifindex;
    header.ndm_state = NUD_NONE;
    header.ndm_flags = NTF_USE;
    errno = 0;
    const std::unique_ptr<nl_msg, Free> message(
        nlmsg_alloc_simple(RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE));
    if (message == nullptr) fail(ENOMEM, "neighbour");
    check(nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO), "neighbour");
    address.visit(
        [&](const auto& a) { check(nla_put(message.get(), NDA_DST, sizeof a, &a), "neighbour"); });
    check(nl_send_auto(socket_.get(), message.get()), "neighbour");
}

}  // namespace shunt::ctl
