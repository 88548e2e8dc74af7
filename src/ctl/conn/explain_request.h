// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What a worker is asked about a packet that an operator names. Asked by the control thread.
#include <optional>
#include <variant>

#include "ctl/conn/conn_request.h"
#include "dataplane/explain.h"

namespace shunt::ctl {

/// A packet of either family.
using PacketQuestion = std::variant<ExplainQuestion<Ipv4>, ExplainQuestion<Ipv6>>;

struct ExplainAnswer {
    Explanation explanation;
    std::optional<ConnectionRow> connection;  ///< that the packet belongs to
};

/// Its owner answers; the others say nothing.
class ExplainRequest final : public ConnectionRequest {
  public:
    using ConnectionRequest::step;
    explicit ExplainRequest(const PacketQuestion& question) : question_(question) {}
    bool step(const ConnectionTables& tables) noexcept override;

    // Once done().
    [[nodiscard]] std::optional<ListPosition> next() const noexcept override { return {}; }
    [[nodiscard]] const std::optional<ExplainAnswer>& answer() const noexcept { return answer_; }

  private:
    PacketQuestion question_;
    std::optional<ExplainAnswer> answer_;
};

}  // namespace shunt::ctl
