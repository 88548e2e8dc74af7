// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a sync backup was told becomes connections of their owner, and templates of all workers
// (ipvs-behaviour 7.6, rules 5 to 8).
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/worker.h"
#include "sync/sync_record.h"

namespace shunt {

enum class SyncOutcome : std::uint8_t {
    made,
    updated,
    late,       ///< the end of a connection in whose place there is another one already
    no_server,  ///< no service here has this server
    no_room,
    unfit,  ///< a client without port
};
struct SyncOutcomeText {
    std::string_view name;
    std::string_view meaning;
};
/// By outcome.
inline constexpr auto sync_outcome_texts = std::to_array<SyncOutcomeText>({
    {"made", "records that a connection or a template was made of"},
    {"updated", "records of what was here already"},
    {"late", "records of a connection's end in whose place there is another one already"},
    {"no_server", "records of a server that no service here has"},
    {"no_room", "records for which the table had no room"},
    {"unfit", "records of a client whose port is not known"},
});
inline constexpr std::size_t sync_outcome_count = sync_outcome_texts.size();
using SyncOutcomes = std::array<std::uint64_t, sync_outcome_count>;

/// Files what a record of a connection says. Thread: the owner's.
template <class F>
SyncOutcome install_synced(WorkerState& worker, const SyncRecord& record) noexcept;

/// The same for a template; `now` is the data plane's. Thread: any.
SyncOutcome install_synced_template(AffinityTable& table, const ServiceTable& services,
                                    const SyncRecord& record, TickTime now) noexcept;

/// Has a worker file connections that it owns, a few a step.
class SyncInstall final : public WorkerRequest {
  public:
    static constexpr std::size_t records_a_step = 16;

    explicit SyncInstall(std::vector<SyncRecord> records) : records_(std::move(records)) {}
    bool step(WorkerState& worker) noexcept override;

    // Once done().
    [[nodiscard]] const SyncOutcomes& outcomes() const noexcept { return outcomes_; }

  private:
    std::vector<SyncRecord> records_;
    std::size_t next_ = 0;
    SyncOutcomes outcomes_{};
};

}  // namespace shunt
