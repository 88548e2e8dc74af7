// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The control thread's part of a sync master: what workers tell becomes datagrams that are sent by
// and by (ipvs-behaviour 7.3). Each connection has one of several ports, so that what is told of it
// arrives in order. Thread: control.
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "conn/affinity_table.h"
#include "dataplane/sync_feed.h"
#include "service/service_table.h"
#include "sync/message_writer.h"

namespace shunt::ctl {

/// The marks of the servers of services on marks.
class ServerMarks {
  public:
    /// To be called before of(), with what holds then.
    void follow(const std::shared_ptr<const ServiceTable>& services);
    [[nodiscard]] Mark of(DestId dest) const;

  private:
    std::shared_ptr<const ServiceTable> services_;
    std::unordered_map<std::uint32_t, Mark> marks_;
};

/// What holds at the moment.
struct SyncMoment {
    const std::shared_ptr<const ServiceTable>& services;
    const SyncRules& rules;
    SyncVersion version = SyncVersion::v1;
    std::size_t most_waiting = 0;  ///< datagrams, by port
    TickTime tick;                 ///< of the data plane
    std::chrono::steady_clock::time_point now;
};

class SyncMaster {
  public:
    using Clock = std::chrono::steady_clock;
    /// A datagram that is not full waits for so long for more records.
    static constexpr std::chrono::seconds patience{2};

    struct Options {
        std::uint8_t syncid = 0;
        std::uint16_t maxlen = 1472;
        std::uint16_t ports = 1;
        SyncVersion version = SyncVersion::v1;
    };
    enum class Sent : std::uint8_t {
        yes,
        later,  ///< the socket takes none at the moment
        never,  ///< it is lost
    };
    /// Sends a datagram by a port, below Options::ports.
    using Send = std::function<Sent(std::size_t port, std::span<const std::byte> message)>;

    struct Counts {
        std::uint64_t records = 0;   ///< in datagrams
        std::uint64_t messages = 0;  ///< sent
        std::uint64_t dropped = 0;   ///< datagrams that found too many waiting
        std::uint64_t failed = 0;    ///< datagrams that the host did not send
        std::uint64_t unfit = 0;     ///< records that no datagram has words for
    };

    /// `affinity` outlives this; null: there are no templates.
    SyncMaster(const Options& options, AffinityTable* affinity, Send send);

    /// What a worker told; templates follow their connections.
    void tell(const SyncNotice& notice, const SyncMoment& moment);
    void tell(const SyncRecord& record, const SyncMoment& moment);
    /// Sends what is full or old enough; to be called some times a second.
    void send(const SyncMoment& moment);

    [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

  private:
    struct Lane {
        SyncMessageWriter writer;
        Clock::time_point since{};  ///< its first record came
        std::deque<std::vector<std::byte>> waiting{};
    };
    /// Of a template that was told.
    struct TemplateNote {
        std::uint64_t key = 0;  ///< another one in the same slot has another
        SyncMemo memo;
        TickTime last;
    };

    void tell_template(AffinityRef ref, const SyncMoment& moment);
    [[nodiscard]] bool is_due(AffinityRef ref, const AffinityTable::Row& row,
                              const SyncMoment& moment);
    void finish(Lane& lane, const SyncMoment& moment);

    AffinityTable* affinity_;
    Send send_;
    std::vector<Lane> lanes_;
    std::vector<TemplateNote> templates_;  ///< by AffinityRef
    ServerMarks marks_;
    Counts counts_;
};

}  // namespace shunt::ctl
