// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/sync/sync_control.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "ctl/config/config_shape.h"
#include "ctl/rpc/rpc_error.h"

namespace shunt::ctl {

namespace {

using boost::asio::ip::udp;
using namespace std::chrono_literals;

constexpr auto poll_period = 5ms;
/// Notices of a worker that may wait for the next poll.
constexpr std::uint32_t feed_depth = 4096;
/// Datagrams of a socket that are read before others have their turn.
constexpr int datagrams_at_once = 64;

std::string_view role_word(SyncRole role) {
    return word_of(sync_role_words(), role);
}

boost::json::object event_of(const SyncDaemonConfig& config) {
    return {{"role", role_word(config.role)},
            {"interface", config.interface},
            {"syncid", config.syncid}};
}

template <class Counts>
void add_to(Counts& sum, const Counts& more) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
}

void add_to(SyncMaster::Counts& sum, const SyncMaster::Counts& more) {
    sum.records += more.records;
    sum.messages += more.messages;
    sum.dropped += more.dropped;
    sum.failed += more.failed;
    sum.unfit += more.unfit;
}

SyncVersion version_of(const Tunables& tunables) {
    return tunables.sync_version == 0 ? SyncVersion::v0 : SyncVersion::v1;
}

}  // namespace

class SyncControl::Daemon {
  public:
    explicit Daemon(SyncSetup setup) : setup_(std::move(setup)) {}
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    virtual ~Daemon() = default;
    virtual void begin() {}
    virtual void end() {}
    [[nodiscard]] const SyncSetup& setup() const noexcept { return setup_; }

  private:
    SyncSetup setup_;
};

class SyncControl::Master final : public Daemon {
  public:
    Master(const Parts& parts, const SyncSetup& with)
        : Daemon(with),
          socket_(open_sync_sender(parts.io, with)),
          feeds_(make_feeds(parts)),
          master_({.syncid = with.config.syncid,
                   .maxlen = with.maxlen,
                   .ports = with.ports,
                   .version = version_of(parts.publisher.current().tunables)},
                  parts.shared.affinity.get(),
                  [this](std::size_t port, auto message) { return send(port, message); }) {}

    [[nodiscard]] const std::shared_ptr<SyncFeeds>& feeds() const noexcept { return feeds_; }
    [[nodiscard]] SyncTold told() const {
        SyncTold told{.sent = master_.counts()};
        for (const auto& feed : feeds_->feeds) {
            told.lost += feed->lost.value();
            told.sent.unfit += feed->unfit.value();
        }
        return told;
    }
    void poll(const SyncMoment& moment) {
        for (const auto& feed : feeds_->feeds)
            feed->take(feed_depth, [&](const SyncNotice& notice) { master_.tell(notice, moment); });
        master_.send(moment);
    }

  private:
    static std::shared_ptr<SyncFeeds> make_feeds(const Parts& parts) {
        auto all = std::make_shared<SyncFeeds>();
        for (std::uint16_t i = 0; i < parts.shared.workers; ++i)
            all->feeds.push_back(std::make_unique<SyncFeed>(parts.connections, feed_depth));
        for (const auto& feed : all->feeds)
            if (!feed->is_good()) throw refused(ENOMEM, "no memory for a ring", "");
        return all;
    }
    SyncMaster::Sent send(std::size_t port, std::span<const std::byte> message) {
        boost::system::error_code error;
        socket_.send_to(boost::asio::buffer(message.data(), message.size()),
                        sync_endpoint(setup(), static_cast<std::uint16_t>(port)), 0, error);
        if (error == boost::asio::error::would_block ||
            error == boost::asio::error::no_buffer_space)
            return SyncMaster::Sent::later;
        return error ? SyncMaster::Sent::never : SyncMaster::Sent::yes;
    }

    SyncSocket socket_;
    std::shared_ptr<SyncFeeds> feeds_;
    SyncMaster master_;
};

class SyncControl::Backup final : public Daemon, public std::enable_shared_from_this<Backup> {
  public:
    Backup(SyncControl& control, const SyncSetup& with) : Daemon(with), control_(control) {
        for (std::uint16_t i = 0; i < with.ports; ++i)
            sockets_.push_back(open_sync_receiver(control.parts_.io, with, i));
    }

    void begin() override {
        for (auto& socket : sockets_) wait(socket);
    }
    void end() override {
        for (auto& socket : sockets_) socket.close();
    }

  private:
    void wait(SyncSocket& socket) {
        socket.async_wait(SyncSocket::wait_read,
                          [self = shared_from_this(), &socket](const auto& error) {
                              if (!error) self->receive(socket);
                          });
    }
    void receive(SyncSocket& socket) {
        boost::system::error_code error;
        for (int i = 0; i < datagrams_at_once && !error; ++i) {
            const std::size_t size = socket.receive(boost::asio::buffer(buffer_), 0, error);
            if (!error) control_.hear(std::span(buffer_).first(size), setup().config.syncid);
        }
        wait(socket);
    }

    SyncControl& control_;
    std::vector<SyncSocket> sockets_;
    std::array<std::byte, 65536> buffer_;
};

SyncControl::SyncControl(Parts parts)
    : parts_(std::move(parts)), filer_(*parts_.shared.owner, parts_.shared.workers, parts_.post) {}

SyncControl::~SyncControl() {
    for (const auto& daemon : {master_, backup_})
        if (daemon) daemon->end();
}

std::shared_ptr<SyncControl::Daemon>& SyncControl::slot(SyncRole role) {
    return role == SyncRole::master ? master_ : backup_;
}

std::shared_ptr<SyncControl::Daemon> SyncControl::open(const SyncDaemonConfig& config) {
    const Tunables& tunables = parts_.publisher.current().tunables;
    // Both have as many ports as the one that began first.
    const auto& other = master_ ? master_ : backup_;
    const std::int64_t ports = other ? other->setup().ports : tunables.sync_ports;
    const SyncSetup setup = make_sync_setup(config, ports, tunables.sync_sock_size);
    if (config.role == SyncRole::master) return std::make_shared<Master>(parts_, setup);
    return std::make_shared<Backup>(*this, setup);
}

void SyncControl::start(const SyncDaemonConfig& config) {
    const SyncSetup known = make_sync_setup(config, 1, 0);  // ENODEV comes first, as in IPVS
    if (slot(known.config.role))
        throw refused(EEXIST, "a " + std::string(role_word(config.role)) + " runs already", "role");
    run(open(config));
    publish();
}

void SyncControl::stop(SyncRole role) {
    if (!slot(role)) throw refused(ESRCH, "no " + std::string(role_word(role)) + " runs", "role");
    end(role);
    publish();
}

void SyncControl::run(std::shared_ptr<Daemon> daemon) {
    const SyncDaemonConfig& config = daemon->setup().config;
    daemon->begin();
    slot(config.role) = daemon;
    parts_.events.publish(EventKind::sync_started, event_of(config));
}

void SyncControl::end(SyncRole role) {
    const auto daemon = std::exchange(slot(role), nullptr);
    if (role == SyncRole::master) {
        const SyncTold last = static_cast<const Master&>(*daemon).told();
        add_to(told_before_.sent, last.sent);
        told_before_.lost += last.lost;
    }
    daemon->end();
    parts_.events.publish(EventKind::sync_stopped, event_of(daemon->setup().config));
}

/// Workers keep or need not keep account for the daemons that run now.
void SyncControl::publish() {
    std::shared_ptr<const SyncFeeds> feeds;
    if (master_) feeds = static_cast<const Master&>(*master_).feeds();
    parts_.publisher.set_sync(std::move(feeds), backup_ != nullptr);
    // What a backup had filed is to be taken from the workers also when it has ended.
    if (!timer_) timer_.emplace(parts_.io, poll_period, [this] { poll(); });
}

void SyncControl::poll() {
    filer_.poll();
    if (!master_) return;
    const Snapshot& current = parts_.publisher.current();
    static_cast<Master&>(*master_).poll(
        {.services = current.services,
         .rules = current.sync_rules,
         .version = version_of(current.tunables),
         .most_waiting = static_cast<std::size_t>(current.tunables.sync_qlen_max),
         .tick = parts_.tick(),
         .now = SyncMaster::Clock::now()});
}

void SyncControl::hear(std::span<const std::byte> message, std::uint8_t syncid) {
    ++heard_.messages;
    SyncMessageReader reader(message, syncid, heard_.faults);
    while (const auto record = reader.next()) {
        ++heard_.records;
        if (!record->is_template()) {
            SyncRecord plain = *record;
            plain.engine = {};
            plain.engine_data = {};
            filer_.file(plain);
        } else if (parts_.shared.affinity != nullptr) {
            const SyncOutcome outcome = install_synced_template(
                *parts_.shared.affinity, *parts_.publisher.current().services, *record,
                parts_.tick());
            ++heard_.outcomes[static_cast<std::size_t>(outcome)];
        }
    }
}

SyncControl::Prepared SyncControl::prepare(std::span<const SyncDaemonConfig> wanted) {
    Prepared prepared{.wanted = {wanted.begin(), wanted.end()}, .fresh = {}};
    try {
        for (const auto& config : wanted)
            if (const auto& now = slot(config.role); !now || now->setup().config != config)
                prepared.fresh.push_back(open(config));
    } catch (const RpcError& error) {
        throw RpcError(error.code(), error.what(), "sync", error.error_number());
    }
    return prepared;
}

void SyncControl::accept(const Prepared& prepared) {
    bool changed = false;
    for (const SyncRole role : {SyncRole::master, SyncRole::backup}) {
        const auto& now = slot(role);
        if (!now ||
            std::ranges::find(prepared.wanted, now->setup().config) != prepared.wanted.end())
            continue;
        end(role);
        changed = true;
    }
    for (const auto& daemon : prepared.fresh) run(daemon);
    if (changed || !prepared.fresh.empty()) publish();
}

std::vector<SyncDaemonConfig> SyncControl::configuration() const {
    std::vector<SyncDaemonConfig> all;
    for (const auto& daemon : {master_, backup_})
        if (daemon) all.push_back(daemon->setup().config);
    return all;
}

const SyncSetup* SyncControl::setup(SyncRole role) const {
    const auto& daemon = role == SyncRole::master ? master_ : backup_;
    return daemon ? &daemon->setup() : nullptr;
}

SyncTold SyncControl::told() const {
    SyncTold sum = told_before_;
    if (!master_) return sum;
    const SyncTold now = static_cast<const Master&>(*master_).told();
    add_to(sum.sent, now.sent);
    sum.lost += now.lost;
    return sum;
}

SyncHeard SyncControl::heard() const {
    SyncHeard sum = heard_;
    add_to(sum.outcomes, filer_.outcomes());
    sum.lost = filer_.lost();
    return sum;
}

}  // namespace shunt::ctl
