// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Groups of arguments that several verbs of shuntctl have in common. Each adds its arguments to any
// number of verbs, and afterwards makes parameters of a request (docs/protocol.md) of those that
// were given. What is not given is left to the daemon.
#include <CLI/App.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shunt::cli {

// A member, if a value was given.
void put(boost::json::object& object, const char* name, const std::string& word);
void put(boost::json::object& object, const char* name, const std::optional<std::int64_t>& number);

/// A value that is one of these words.
CLI::Validator one_of(const std::vector<std::string>& words);

/// The name of a service: PROTOCOL ADDRESS:PORT, or --mark NUMBER. For verbs about servers the
/// server's ADDRESS:PORT follows.
class ServiceArgs {
  public:
    enum class Names : std::uint8_t { service_if_any, service, service_and_server };

    /// Takes the verb's callback.
    void add_to(CLI::App& verb, Names names);
    /// "service" and "server"; neither if no service was named.
    [[nodiscard]] boost::json::object params() const;

  private:
    void read(Names names);

    // The words as they came; with --mark the server is the first.
    std::string first_;
    std::string second_;
    std::string third_;
    std::optional<std::uint32_t> mark_;
    bool ipv6_ = false;

    boost::json::object service_;
    std::string server_;
};

/// What a service has besides its name.
class ServiceOptionArgs {
  public:
    void add_to(CLI::App& verb);
    void put_into(boost::json::object& params) const;
    /// As it was given; empty: not given.
    [[nodiscard]] const std::string& scheduler() const noexcept { return scheduler_; }

  private:
    std::string scheduler_;
    bool one_packet_ = false;
    std::vector<std::string> flags_;
    std::optional<std::int64_t> persistent_;
    std::optional<std::int64_t> granularity_;
    std::string engine_;
    std::optional<std::int64_t> timeout_tcp_;
    std::optional<std::int64_t> timeout_tcp_fin_;
    std::optional<std::int64_t> timeout_udp_;
    std::optional<std::int64_t> slow_start_;
    std::optional<std::int64_t> mh_size_;
    std::string mh_order_;
    std::optional<std::int64_t> load_bound_;
};

/// What a server has besides its address.
class ServerOptionArgs {
  public:
    void add_to(CLI::App& verb);
    void put_into(boost::json::object& params) const;

  private:
    std::string forward_;
    std::optional<std::int64_t> weight_;
    std::string tunnel_type_;
    std::optional<std::int64_t> tunnel_port_;
    std::string tunnel_checksum_;
    std::optional<std::int64_t> upper_;
    std::optional<std::int64_t> lower_;
};

/// What connections have to be, besides of a service.
class ConnectionFilterArgs {
  public:
    void add_to(CLI::App& verb);
    /// "filter", with the service if one was named; nothing if nothing was given.
    void put_into(boost::json::object& params, const ServiceArgs& service) const;

  private:
    std::string client_;
    std::string server_;
    std::string state_;
    std::optional<std::int64_t> idle_;
    std::string protocol_;
    std::string forward_;
    std::string kind_;
};

/// PROTOCOL CLIENT VIRTUAL: what names one connection.
class ConnectionNameArgs {
  public:
    void add_to(CLI::App& verb);
    [[nodiscard]] boost::json::object params() const;

  private:
    std::string protocol_;
    std::string client_;
    std::string virtual_;
};

/// A rule that gives packets a mark.
class MarkRuleArgs {
  public:
    void add_to(CLI::App& verb);
    [[nodiscard]] boost::json::object rule() const;

  private:
    std::int64_t mark_ = 0;
    std::string source_;
    std::string destination_;
    std::string protocol_;
    std::string source_ports_;
    std::string destination_ports_;
    std::string port_;
};

}  // namespace shunt::cli
