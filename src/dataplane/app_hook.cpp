// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/app_hook.h"

namespace shunt {

namespace {

template <class F>
HelperPool<FtpHelper>::Key key_of(WorkerState& worker, const Conn<F>& conn) noexcept {
    return worker.conns<F>().slot_of(conn) * 2 + (F::family == Family::ipv6 ? 1 : 0);
}

/// The first packet of a TCP connection?
bool opens(const PacketMeta& meta) noexcept {
    return (meta.tcp_flags & (TcpHeader::syn | TcpHeader::ack | TcpHeader::rst)) == TcpHeader::syn;
}

template <class State>
bool add_helper(HelperPool<State>& pool, std::uint32_t key, AppTable::Slot slot) noexcept {
    State* helper = pool.add(key);
    if (helper == nullptr) return false;
    helper->slot = slot;
    return true;
}

template <class State>
void end_helper(WorkerState& worker, HelperPool<State>& pool, std::uint32_t key) noexcept {
    const State* helper = pool.find(key);
    if (helper == nullptr) return;
    worker.apps.counters.bound[helper->slot].sub();
    pool.erase(key);
}

}  // namespace

template <class F>
void bind_app(WorkerState& worker, Conn<F>& conn, const PacketMeta& meta) noexcept {
    const AppTable* apps = worker.snapshot->apps.get();
    if (apps == nullptr || worker.shared.expectations == nullptr || conn.one_packet) return;
    const auto slot = apps->find(conn.protocol, conn.virtual_port);
    const bool nat = conn.method == ForwardMethod::nat;
    if (!slot || conn.method == ForwardMethod::bypass || (!nat && conn.protocol != Protocol::tcp))
        return;
    const auto key = key_of<F>(worker, conn);
    if (conn.protocol == Protocol::udp)
        conn.helped = add_helper(worker.apps.tftp, key, *slot);
    else if (opens(meta))
        conn.helped = add_helper(worker.apps.ftp, key, *slot);
    else
        return;
    if (conn.helped)
        worker.apps.counters.bound[*slot].add();
    else
        worker.apps.counters.unhelped.add();
}

template <class F>
void bind_synced_app(WorkerState& worker, Conn<F>& conn,
                     const std::array<std::uint32_t, 2>& differences) noexcept {
    const AppTable* apps = worker.snapshot->apps.get();
    if (apps == nullptr || worker.shared.expectations == nullptr ||
        conn.protocol != Protocol::tcp || conn.method != ForwardMethod::nat)
        return;
    const auto slot = apps->find(conn.protocol, conn.virtual_port);
    if (!slot) return;
    const auto key = key_of<F>(worker, conn);
    conn.helped = add_helper(worker.apps.ftp, key, *slot);
    if (!conn.helped) return worker.apps.counters.unhelped.add();
    worker.apps.counters.bound[*slot].add();
    FtpHelper& helper = *worker.apps.ftp.find(key);
    helper.phase = FtpHelper::Phase::synced;
    helper.differences = differences;
}

template <class F>
void move_synced_app(WorkerState& worker, const Conn<F>& conn,
                     const std::array<std::uint32_t, 2>& differences) noexcept {
    FtpHelper* helper = conn.helped ? ftp_helper<F>(worker, conn) : nullptr;
    if (helper != nullptr && helper->phase == FtpHelper::Phase::synced)
        helper->differences = differences;
}

template <class F>
void unbind_app(WorkerState& worker, const Conn<F>& conn) noexcept {
    const auto key = key_of<F>(worker, conn);
    if (conn.protocol == Protocol::udp) {
        end_helper(worker, worker.apps.tftp, key);
        return;
    }
    const FtpHelper* helper = worker.apps.ftp.find(key);
    if (helper != nullptr && helper->control != no_control)
        worker.shared.expectations->close_control(helper->control);
    end_helper(worker, worker.apps.ftp, key);
}

template <class F>
bool is_kept_by_data(WorkerState& worker, Conn<F>& conn) noexcept {
    if (conn.protocol != Protocol::tcp) return false;
    const FtpHelper* helper = ftp_helper<F>(worker, conn);
    if (helper == nullptr || helper->control == no_control) return false;
    const auto state = static_cast<TcpState>(conn.state);
    const auto last = worker.shared.expectations->last_data(helper->control, worker.now);
    if (!last || state != TcpState::established) return false;
    const TickTime until = *last + tcp_timeout(conn, state, worker.timeout_rules());
    if (until <= worker.now) return false;
    conn.expires = until;
    worker.apps.counters.kept.add();
    return true;
}

template <class F>
FtpHelper* ftp_helper(WorkerState& worker, const Conn<F>& conn) noexcept {
    return worker.apps.ftp.find(key_of<F>(worker, conn));
}

template <class F>
std::uint32_t original_sequence(WorkerState& worker, const Conn<F>& conn, Direction direction,
                                std::uint32_t sequence) noexcept {
    if (conn.protocol != Protocol::tcp) return sequence;
    FtpHelper* helper = ftp_helper<F>(worker, conn);
    if (helper == nullptr || !helper->channel) return sequence;
    return helper->channel->edits(direction).original_ack(sequence);
}

#define SHUNT_X(F)                                                                       \
    template void bind_app<F>(WorkerState&, Conn<F>&, const PacketMeta&) noexcept;       \
    template void bind_synced_app<F>(WorkerState&, Conn<F>&,                             \
                                     const std::array<std::uint32_t, 2>&) noexcept;      \
    template void move_synced_app<F>(WorkerState&, const Conn<F>&,                       \
                                     const std::array<std::uint32_t, 2>&) noexcept;      \
    template void unbind_app<F>(WorkerState&, const Conn<F>&) noexcept;                  \
    template bool is_kept_by_data<F>(WorkerState&, Conn<F>&) noexcept;                   \
    template FtpHelper* ftp_helper<F>(WorkerState&, const Conn<F>&) noexcept;            \
    template std::uint32_t original_sequence<F>(WorkerState&, const Conn<F>&, Direction, \
                                                std::uint32_t) noexcept;
SHUNT_X(Ipv4)
SHUNT_X(Ipv6)
#undef SHUNT_X

}  // namespace shunt
