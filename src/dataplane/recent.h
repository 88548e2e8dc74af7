// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a worker asked last while it opened connections, so that what many of them have in common is
// looked up once: their service, the ways to their servers, the way to a client that is asked for
// twice. An answer holds for one snapshot.
#include <array>
#include <cstdint>
#include <limits>

#include "dataplane/net_table.h"
#include "service/service_table.h"

namespace shunt {

/// A question and its answer. Thread: its worker.
template <class Question, class Answer>
class Memo {
  public:
    /// `generation`: of the snapshot in force.
    [[nodiscard]] const Answer* find(const Question& question,
                                     std::uint32_t generation) const noexcept {
        return generation_ == generation && question_ == question ? &answer_ : nullptr;
    }
    void keep(const Question& question, std::uint32_t generation, const Answer& answer) noexcept {
        generation_ = generation;
        question_ = question;
        answer_ = answer;
    }

  private:
    std::uint64_t generation_ = std::numeric_limits<std::uint64_t>::max();
    Question question_{};
    Answer answer_{};
};

/// As ServiceTable::find() is asked.
template <class F>
struct ServiceQuestion {
    typename F::Address address{};
    Mark mark{};
    L4Port port;
    Protocol protocol = Protocol::none;
    bool operator==(const ServiceQuestion&) const noexcept = default;
};

template <class F>
struct Recent {
    Memo<ServiceQuestion<F>, const VirtualService*> service;
    Memo<typename F::Address, WayAhead> client;
};

/// By DestId, as far as there is room.
class RecentServers {
  public:
    [[nodiscard]] Memo<DestId, WayAhead>& of(DestId server) noexcept {
        return memos_[server.value() % memos_.size()];
    }

  private:
    std::array<Memo<DestId, WayAhead>, 256> memos_;
};

/// The answer that is kept, or that of `look_up`, which is kept unless it is for one flow only.
template <class Question, class Fn>
[[nodiscard]] WayAhead recall_way(Memo<Question, WayAhead>& memo, const Question& to,
                                  std::uint32_t generation, Fn&& look_up) noexcept {
    if (const WayAhead* known = memo.find(to, generation)) return *known;
    const WayAhead way = look_up();
    if (!way.by_flow) memo.keep(to, generation, way);
    return way;
}

}  // namespace shunt
