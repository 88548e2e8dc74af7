// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Applications and connections: which helper a connection has, what keeps a control connection
// alive, and the way of a helped connection's packets (ipvs-behaviour 6). Thread: the connection's
// owner.
#include "dataplane/worker.h"

namespace shunt {

/// Gives a new connection the helper of its port, if there is one. `meta` is that of the packet
/// that opens it: who joins in the middle has no helper, as nobody knows where its lines begin.
template <class F>
void bind_app(WorkerState& worker, Conn<F>& conn, const PacketMeta& meta) noexcept;

/// The same for a connection that another balancer told of, with how far its streams stand further
/// on for their receivers, by Direction: its helper joins in at its first packet here.
template <class F>
void bind_synced_app(WorkerState& worker, Conn<F>& conn,
                     const std::array<std::uint32_t, 2>& differences) noexcept;

/// That balancer tells more of it. Changes nothing once a packet came here.
template <class F>
void move_synced_app(WorkerState& worker, const Conn<F>& conn,
                     const std::array<std::uint32_t, 2>& differences) noexcept;

/// The end of a connection that is helped: what it announced is over.
template <class F>
void unbind_app(WorkerState& worker, const Conn<F>& conn) noexcept;

/// A helped connection's timer came due. Have its data connections something against its end? Then
/// conn.expires is moved on: it has its full timeout from the moment when the last of them ended.
template <class F>
bool is_kept_by_data(WorkerState& worker, Conn<F>& conn) noexcept;

/// The helper of an FTP control connection; null when there is none.
template <class F>
FtpHelper* ftp_helper(WorkerState& worker, const Conn<F>& conn) noexcept;

/// forward_helped.cpp: a packet of a helped NAT connection that may go on. Its application looks at
/// it, may change it, and it goes the way of NAT. Takes the packet.
template <class F>
void forward_helped(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                    const Claimed<F>& claim) noexcept;

/// The same for a connection that is not translated: of the client's side, which is all that is
/// seen here, commands are read, so that active data connections find their server
/// (ipvs-behaviour 5.4). Nothing is changed. The packet stays the caller's.
template <class F>
void watch_helped(WorkerState& worker, rte_mbuf* packet, const PacketMeta& meta,
                  const Claimed<F>& claim) noexcept;

/// The sequence number of a helped connection's packet that an ICMP error quotes, as its sender
/// knows it. `direction` is that of the quoted packet.
template <class F>
std::uint32_t original_sequence(WorkerState& worker, const Conn<F>& conn, Direction direction,
                                std::uint32_t sequence) noexcept;

}  // namespace shunt
