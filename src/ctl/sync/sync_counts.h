// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The counters of the sync daemons by name: for methods, metrics and docs/counters.md.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conn/affinity_table.h"
#include "ctl/sync/sync_master.h"
#include "dataplane/sync_install.h"
#include "sync/message_reader.h"

namespace shunt::ctl {

/// What backups have heard since the start of the process.
struct SyncHeard {
    std::uint64_t messages = 0;
    std::uint64_t records = 0;
    SyncFaults faults{};
    SyncOutcomes outcomes{};
    std::uint64_t lost = 0;  ///< records for which a worker had no time
};

/// What masters have told since the start of the process.
struct SyncTold {
    SyncMaster::Counts sent;
    std::uint64_t lost = 0;  ///< notices for which a ring had no room
};

struct SyncCount {
    std::string name;
    std::string_view meaning;
    std::uint64_t value = 0;
};

/// All of them, those of masters first.
inline std::vector<SyncCount> sync_counts(const SyncTold& told, const SyncHeard& heard) {
    std::vector<SyncCount> all{
        {"sent_messages", "messages that a master sent", told.sent.messages},
        {"sent_records", "records in messages, of connections and templates", told.sent.records},
        {"sent_failed", "messages that the host did not send", told.sent.failed},
        {"sent_dropped", "messages that found sync_qlen_max of them waiting", told.sent.dropped},
        {"sent_lost", "records for which the ring of their worker had no room", told.lost},
        {"sent_unfit", "records that no message has words for", told.sent.unfit},
        {"heard_messages", "messages that a backup received", heard.messages},
        {"heard_records", "records in them that are good", heard.records},
        {"heard_lost", "records for which their worker had no time", heard.lost}};
    for (std::size_t i = 0; i < sync_outcome_count; ++i)
        all.push_back({"heard_" + std::string(sync_outcome_texts[i].name),
                       sync_outcome_texts[i].meaning, heard.outcomes[i]});
    for (std::size_t i = 0; i < sync_fault_count; ++i)
        all.push_back({"heard_" + std::string(sync_fault_texts[i].name),
                       sync_fault_texts[i].meaning, heard.faults[i]});
    return all;
}

}  // namespace shunt::ctl
