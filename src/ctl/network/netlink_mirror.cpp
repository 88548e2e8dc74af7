// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/network/netlink_mirror.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "ctl/network/netlink_socket.h"

namespace shunt::ctl {

namespace {

using Clock = std::chrono::steady_clock;

/// Kinds of objects that have to be dumped anew.
struct Outdated {
    bool links = false;
    bool addresses = false;
    bool routes = false;
    bool neighbours = false;

    static constexpr Outdated all() { return {true, true, true, true}; }
    [[nodiscard]] bool any() const { return links || addresses || routes || neighbours; }

    /// A link takes its addresses, routes and neighbours with it, an address its routes.
    void note(std::uint16_t message_type) {
        switch (message_type) {
            case RTM_NEWLINK:
            case RTM_DELLINK:
                *this = all();
                break;
            case RTM_NEWADDR:
            case RTM_DELADDR:
                addresses = routes = true;
                break;
            case RTM_NEWROUTE:
            case RTM_DELROUTE:
                routes = true;
                break;
            case RTM_NEWNEIGH:
            case RTM_DELNEIGH:
                neighbours = true;
                break;
            default:
                break;
        }
    }
};

/// Lets one request for each neighbour through in each interval; remembers a bounded number.
class RequestLimit {
  public:
    bool allow(int ifindex, const IpAddress& address, Clock::time_point now) {
        if (last_.size() >= most) forget(now);
        if (last_.size() >= most) return false;
        const auto [place, fresh] = last_.try_emplace({ifindex, address}, now);
        if (!fresh && now - place->second < NetlinkMirror::resolve_interval) return false;
        place->second = now;
        return true;
    }

  private:
    static constexpr std::size_t most = 4096;

    void forget(Clock::time_point now) {
        std::erase_if(last_, [now](const auto& entry) {
            return now - entry.second >= NetlinkMirror::resolve_interval;
        });
    }

    std::map<std::pair<int, IpAddress>, Clock::time_point> last_;
};

}  // namespace

/// Handlers hold it weakly: what is still queued when the mirror goes does nothing.
class NetlinkMirror::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(boost::asio::io_context& io, std::vector<Twin> twins, Changed changed, Failed failed,
         std::chrono::milliseconds refresh)
        : refresh_interval_(refresh),
          twins_(std::move(twins)),
          changed_(std::move(changed)),
          failed_(std::move(failed)),
          events_({RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
                   RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE}),
          readable_(io, events_.fd()),
          settle_(io),
          refresh_(io) {}
    ~Impl() { readable_.release(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void start() {
        wait_for_events();
        wait_for_refresh();
        settle_until(Clock::now());
    }

    void stop() {
        changed_ = nullptr;
        failed_ = nullptr;
        readable_.cancel();
        settle_.cancel();
        refresh_.cancel();
    }

    void resolve(int ifindex, const IpAddress& address) {
        if (!limit_.allow(ifindex, address, Clock::now())) return;
        attempt([&] { events_.use_neighbour(ifindex, address); });
    }

    void keep_fresh(std::vector<IpAddress> addresses) {
        in_use_ = {addresses.begin(), addresses.end()};
    }

  private:
    /// A handler that runs `member` while the mirror lives, but not when its wait was cancelled.
    template <class Member>
    auto handler(Member member) {
        return [weak = weak_from_this(), member](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self != nullptr && self->changed_) ((*self).*member)();
        };
    }

    /// Runs an action of netlink; its failure is told once until one succeeds.
    template <class Fn>
    bool attempt(Fn&& action) {
        try {
            action();
            failing_ = false;
            return true;
        } catch (const std::system_error& error) {
            tell_failure(error.what());
            return false;
        }
    }

    void tell_failure(const std::string& what) {
        if (std::exchange(failing_, true)) return;
        if (const Failed call = failed_) call(what);
    }

    void wait_for_events() {
        readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             handler(&Impl::take_events));
    }

    void take_events() {
        const bool good = attempt([this] {
            const bool whole = events_.drain([this](nlmsghdr& m) { outdated_.note(m.nlmsg_type); });
            if (!whole) outdated_ = Outdated::all();
        });
        if (!good) outdated_ = Outdated::all();
        if (outdated_.any() && !settling_) settle_until(Clock::now() + quiet_time());
        wait_for_events();
    }

    [[nodiscard]] Clock::duration quiet_time() const {
        return std::max<Clock::duration>(settle, 4 * cost_);
    }

    void settle_until(Clock::time_point when) {
        settling_ = true;
        settle_.expires_at(when);
        settle_.async_wait(handler(&Impl::rebuild));
    }

    void rebuild() {
        settling_ = false;
        const auto begin = Clock::now();
        const bool good = attempt([this] { read_outdated(); });
        if (good && (table_ == nullptr || network_ != published_)) publish();
        cost_ = Clock::now() - begin;
        if (!good) settle_until(Clock::now() + std::chrono::seconds(1));
    }

    void read_outdated() {
        if (outdated_.links) network_.links = read_links(dumps_);
        if (outdated_.addresses) network_.addresses = read_addresses(dumps_);
        if (outdated_.routes) network_.routes = read_routes(dumps_);
        if (outdated_.neighbours) network_.neighbours = read_neighbours(dumps_);
        outdated_ = {};
    }

    void publish() {
        auto table = make_table(network_, twins_);
        if (table == nullptr) {
            tell_failure("no memory for the route tables; the workers keep the old ones");
            return;
        }
        table_ = std::move(table);
        published_ = network_;
        const Changed call = changed_;  // it may end the mirror, and with it changed_
        call(table_);
    }

    void wait_for_refresh() {
        refresh_.expires_after(refresh_interval_);
        refresh_.async_wait(handler(&Impl::refresh));
    }

    void refresh() {
        outdated_ = Outdated::all();
        rebuild();
        if (!changed_) return;  // the callback may have ended the mirror
        confirm_stale();
        wait_for_refresh();
    }

    /// The kernel sees none of the forwarded traffic, so without this a neighbour that is in use
    /// would stay as it was once learnt, even after it has moved.
    void confirm_stale() {
        std::set<std::pair<int, IpAddress>> gateways;
        for (const auto& route : network_.routes)
            for (const auto& hop : route.hops)
                if (hop.gateway) gateways.emplace(hop.ifindex, *hop.gateway);
        for (const auto& n : network_.neighbours) {
            const bool wanted =
                gateways.contains({n.ifindex, n.address}) || in_use_.contains(n.address);
            if (n.stale && wanted && table_ != nullptr && table_->find_interface(n.ifindex))
                resolve(n.ifindex, n.address);
        }
    }

    const std::chrono::milliseconds refresh_interval_;
    const std::vector<Twin> twins_;
    Changed changed_;  ///< empty after stop()
    Failed failed_;
    NetlinkSocket events_;  ///< neighbour requests go out by it too; nobody waits for answers
    NetlinkSocket dumps_;
    boost::asio::posix::stream_descriptor readable_;  ///< the descriptor of events_, not owned
    boost::asio::steady_timer settle_;
    boost::asio::steady_timer refresh_;
    bool settling_ = false;
    bool failing_ = false;
    Clock::duration cost_{};  ///< of the last rebuild
    Outdated outdated_ = Outdated::all();
    KernelNetwork network_;
    KernelNetwork published_;
    std::shared_ptr<const NetTable> table_;  ///< of published_
    RequestLimit limit_;
    std::set<IpAddress> in_use_;
};

NetlinkMirror::NetlinkMirror(boost::asio::io_context& io, std::vector<Twin> twins, Changed changed,
                             Failed failed, std::chrono::milliseconds refresh)
    : impl_(std::make_shared<Impl>(io, std::move(twins), std::move(changed), std::move(failed),
                                   refresh)) {
    impl_->start();
}

NetlinkMirror::~NetlinkMirror() {
    impl_->stop();
}

void NetlinkMirror::resolve(int ifindex, const IpAddress& address) {
    impl_->resolve(ifindex, address);
}

void NetlinkMirror::keep_fresh(std::vector<IpAddress> addresses) {
    impl_->keep_fresh(std::move(addresses));
}

}  // namespace shunt::ctl
