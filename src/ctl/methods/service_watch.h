// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Tells the event bus what changed about services and servers, however it was changed: it compares
// the registry with what it was before. Thread: control.
#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <set>

#include "ctl/rpc/events.h"
#include "ctl/state/service_registry.h"

namespace shunt::ctl {

class ServiceWatch {
  public:
    /// What the registry has by now is known and not told. Everything given outlives this, and the
    /// registry changes no more afterwards, or has another on_change() by then.
    ServiceWatch(boost::asio::io_context& io, ServiceRegistry& registry, EventBus& events);
    ServiceWatch(const ServiceWatch&) = delete;
    ServiceWatch& operator=(const ServiceWatch&) = delete;

  private:
    void changed(const std::set<ServiceKey>& keys);
    /// Of what changed since the last time. Not while the registry changes: who waits for an answer
    /// has it first.
    void tell();
    void tell(const ServiceKey& key);
    void tell(const ServiceConfig& before, const ServiceConfig& now);
    void tell(EventKind kind, const ServiceConfig& service);
    void tell(EventKind kind, const ServiceConfig& service, const ServerConfig& server);

    boost::asio::io_context& io_;
    const ServiceRegistry& registry_;
    EventBus& events_;
    std::map<ServiceKey, ServiceConfig> known_;
    std::set<ServiceKey> changed_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace shunt::ctl
