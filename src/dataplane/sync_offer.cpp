// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/sync_offer.h"

#include "dataplane/app_hook.h"
#include "dataplane/sync_feed.h"

namespace shunt {

namespace {

SyncFeed* feed_of(const WorkerState& worker) noexcept {
    const SyncFeeds* all = worker.snapshot->sync_feeds.get();
    return all == nullptr ? nullptr : all->feeds[worker.id.value()].get();
}

/// Where the server of a connection is said to be.
template <class F>
Endpoint server_of(const WorkerState& worker, const Conn<F>& conn) noexcept {
    if (conn.method == ForwardMethod::nat) return {conn.real, conn.real_port};
    const Endpoint& own = worker.services().slot(conn.dest).endpoint;
    return {own.address, own.port != L4Port{} ? own.port : conn.virtual_port};
}

/// Those of an FTP session whose texts were changed.
void add_sequences(SyncRecord& record, ftp::ControlChannel& channel) noexcept {
    constexpr std::array<std::uint16_t, 2> flags{sync_flag::in_seq, sync_flag::out_seq};
    for (const auto direction : {Direction::from_client, Direction::from_server}) {
        const StreamEdits::Shift shift = channel.edits(direction).shift();
        const auto d = static_cast<std::size_t>(direction);
        if (shift.behind == 0 && shift.before == 0) continue;
        record.sequence[d] = {shift.start, shift.behind, shift.before};
        record.flags = static_cast<std::uint16_t>(record.flags | flags[d]);
    }
}

template <class F>
std::uint16_t flags_of(const Conn<F>& conn) noexcept {
    std::uint16_t flags = static_cast<std::uint8_t>(conn.method);
    if (conn.server_silent) flags |= sync_flag::no_output;
    if (!conn.counted_active) flags |= sync_flag::inactive;
    if (conn.synced) flags |= sync_flag::synced;
    return flags;
}

template <class F>
SyncNotice notice_of(WorkerState& worker, const Conn<F>& conn, const Endpoint& server,
                     Ticks timeout) noexcept {
    SyncNotice notice{
        .record =
            {.client = {conn.client, conn.client_port},
             .virtual_service = {conn.virtual_address, conn.virtual_port},
             .server = server,
             .protocol = conn.protocol,
             .state = conn.state,
             .flags = flags_of<F>(conn),
             .timeout =
                 std::chrono::duration_cast<std::chrono::duration<std::uint32_t>>(timeout).count()},
        .dest = conn.dest,
        .affinity = conn.expected ? no_affinity : conn.affinity};
    if (!conn.helped || conn.protocol != Protocol::tcp) return notice;
    FtpHelper* helper = ftp_helper<F>(worker, conn);
    if (helper != nullptr && helper->channel) add_sequences(notice.record, *helper->channel);
    return notice;
}

/// How far an FTP session's texts have changed it; each change is told of at once, as packets that
/// come behind it would be misplaced without.
template <class F>
std::uint16_t edits_of(WorkerState& worker, const Conn<F>& conn) noexcept {
    if (!conn.helped || conn.protocol != Protocol::tcp) return 0;
    FtpHelper* helper = ftp_helper<F>(worker, conn);
    if (helper == nullptr || !helper->channel) return 0;
    const auto in = helper->channel->edits(Direction::from_client).shift();
    const auto out = helper->channel->edits(Direction::from_server).shift();
    return static_cast<std::uint16_t>(in.behind * 31 + out.behind);
}

template <class F>
void tell(WorkerState& worker, SyncFeed& feed, const Conn<F>& conn, Ticks timeout) noexcept {
    const Endpoint server = server_of<F>(worker, conn);
    if (server.address.family() != F::family) return feed.unfit.add();
    feed.tell(notice_of<F>(worker, conn, server, timeout));
}

}  // namespace

template <class F>
void offer_to_sync(WorkerState& worker, const Conn<F>& conn) noexcept {
    SyncFeed* feed = feed_of(worker);
    if (feed == nullptr || conn.one_packet || conn.method == ForwardMethod::bypass) return;
    SyncMemo& memo = feed->memo<F>(worker.conns<F>().slot_of(conn));
    if (conn.packets_in == 1) memo = {};
    const Ticks timeout = timeout_of(conn, worker.timeout_rules());
    const SyncSubject subject{.protocol = conn.protocol,
                              .state = conn.state,
                              .tied = conn.affinity != no_affinity && !conn.expected,
                              .packets = conn.packets_in,
                              .timeout = timeout};
    const std::uint16_t edits = edits_of<F>(worker, conn);
    const bool edited = memo.edits != edits;
    memo.edits = edits;
    if (!is_to_be_told(worker.snapshot->sync_rules, subject, memo, worker.now) && !edited) return;
    tell<F>(worker, *feed, conn, timeout);
}

template <class F>
void tell_kept_to_sync(WorkerState& worker, const Conn<F>& conn) noexcept {
    SyncFeed* feed = feed_of(worker);
    if (feed == nullptr || conn.expires <= worker.now) return;
    tell<F>(worker, *feed, conn, conn.expires - worker.now);
}

void offer_template_to_sync(WorkerState& worker, AffinityRef affinity) noexcept {
    SyncFeed* feed = feed_of(worker);
    if (feed == nullptr || affinity == no_affinity || !feed->is_template_due(affinity, worker.now))
        return;
    feed->tell({.record = {}, .dest = {}, .affinity = affinity, .template_only = true});
}

template void offer_to_sync<Ipv4>(WorkerState&, const Conn<Ipv4>&) noexcept;
template void offer_to_sync<Ipv6>(WorkerState&, const Conn<Ipv6>&) noexcept;
template void tell_kept_to_sync<Ipv4>(WorkerState&, const Conn<Ipv4>&) noexcept;
template void tell_kept_to_sync<Ipv6>(WorkerState&, const Conn<Ipv6>&) noexcept;

}  // namespace shunt
