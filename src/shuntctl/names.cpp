// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/names.h"

#include <netdb.h>
#include <netinet/in.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

namespace shunt::cli {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds longest_wait{5};

/// Unless the operator has said otherwise, a dead name server costs a second a question, not ten.
void be_impatient() {
    constexpr int keep_what_is_set = 0;
    setenv("RES_OPTIONS", "timeout:1 attempts:1", keep_what_is_set);
}

std::optional<Ipv4Address> host_address(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, freeaddrinfo);
    sockaddr_in address{};
    std::memcpy(&address, found->ai_addr, sizeof address);
    return Ipv4Address{Be32::from_raw(address.sin_addr.s_addr)};
}

std::optional<std::uint16_t> port_number(const std::string& name, Protocol protocol) {
    const std::string protocol_name(to_string(protocol));
    const auto* const entry = getservbyname(name.c_str(), protocol_name.c_str());
    if (entry == nullptr) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(entry->s_port));
}

/// The host's name, or the address itself where it has none.
std::string host_name(const IpAddress& address) {
    sockaddr_storage storage{};
    socklen_t length = 0;
    if (address.family() == Family::ipv4) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_addr.s_addr = address.v4().word.raw();
        std::memcpy(&storage, &v4, length = sizeof v4);
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        std::memcpy(&v6.sin6_addr, address.v6().bytes.data(), sizeof v6.sin6_addr);
        std::memcpy(&storage, &v6, length = sizeof v6);
    }
    char name[NI_MAXHOST];
    if (getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, name, sizeof name, nullptr,
                    0, NI_NAMEREQD) != 0)
        return to_string(address);
    return name;
}

class Names {
  public:
    std::string text(const Endpoint& endpoint, Protocol protocol) {
        const auto host = host_text(endpoint.address);
        const bool bracketed = endpoint.address.family() == Family::ipv6;
        return (bracketed ? '[' + host + ']' : host) + ':' + port_text(endpoint.port, protocol);
    }

  private:
    std::string host_text(const IpAddress& address) {
        const auto known = hosts_.find(address);
        if (known != hosts_.end()) return known->second;
        const auto start = Clock::now();
        const auto name = waited_ < longest_wait ? host_name(address) : to_string(address);
        waited_ += Clock::now() - start;
        hosts_.emplace(address, name);
        return name;
    }

    static std::string port_text(L4Port port, Protocol protocol) {
        const std::string protocol_name(to_string(protocol));
        const auto* const entry = getservbyport(port.be.raw(), protocol_name.c_str());
        return entry != nullptr ? entry->s_name : std::to_string(port.value());
    }

    std::map<IpAddress, std::string> hosts_;
    Clock::duration waited_{};
};

}  // namespace

Resolver system_resolver() {
    be_impatient();
    return {host_address, port_number};
}

EndpointText system_names() {
    be_impatient();
    return [names = std::make_shared<Names>()](const Endpoint& endpoint, Protocol protocol) {
        return names->text(endpoint, protocol);
    };
}

}  // namespace shunt::cli
