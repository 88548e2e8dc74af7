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

}  // namespace

template <class F>
void bind_app(WorkerState& worker, Conn<F>& conn, const PacketMeta& meta) noexcept {
    const AppTable* apps = worker.snapshot->apps.get();
    if (apps == nullptr || worker.shared.expectations == nullptr || conn.one_packet) return;
    const auto slot = apps->find(conn.protocol, conn.virtual_port);
    if (!slot || conn.method != ForwardMethod::nat || !opens(meta)) return;
    FtpHelper* helper = worker.apps.ftp.add(key_of<F>(worker, conn));
    if (helper == nullptr) {
        worker.apps.counters.unhelped.add();
        return;
    }
    helper->slot = *slot;
    worker.apps.counters.bound[*slot].add();
    conn.helped = true;
}

template <class F>
void unbind_app(WorkerState& worker, const Conn<F>& conn) noexcept {
    const FtpHelper* helper = ftp_helper<F>(worker, conn);
    if (helper == nullptr) return;
    if (helper->control != no_control) worker.shared.expectations->close_control(helper->control);
    worker.apps.counters.bound[helper->slot].sub();
    worker.apps.ftp.erase(key_of<F>(worker, conn));
}

template <class F>
bool is_kept_by_data(WorkerState& worker, Conn<F>& conn) noexcept {
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
    FtpHelper* helper = ftp_helper<F>(worker, conn);
    if (helper == nullptr || !helper->channel) return sequence;
    return helper->channel->edits(direction).original_ack(sequence);
}

#define SHUNT_X(F)                                                                       \
    template void bind_app<F>(WorkerState&, Conn<F>&, const PacketMeta&) noexcept;       \
    template void unbind_app<F>(WorkerState&, const Conn<F>&) noexcept;                  \
    template bool is_kept_by_data<F>(WorkerState&, Conn<F>&) noexcept;                   \
    template FtpHelper* ftp_helper<F>(WorkerState&, const Conn<F>&) noexcept;            \
    template std::uint32_t original_sequence<F>(WorkerState&, const Conn<F>&, Direction, \
                                                std::uint32_t) noexcept;
SHUNT_X(Ipv4)
SHUNT_X(Ipv6)
#undef SHUNT_X

}  // namespace shunt
