// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/explain_request.h"

namespace shunt::ctl {

namespace {

template <class F>
std::optional<ExplainAnswer> answer_of(WorkerState& worker,
                                       const ExplainQuestion<F>& question) noexcept {
    if (explained_owner<F>(worker, question) != worker.id) return {};
    ExplainAnswer answer{.explanation = explain<F>(worker, question), .connection = {}};
    const auto [conn, direction] = worker.conns<F>().find(question.tuple);
    if (conn == nullptr || conn->replaced) return answer;
    answer.connection = make_row(*conn, worker.services(), worker.now);
    answer.connection->worker = worker.id;
    return answer;
}

}  // namespace

bool ExplainRequest::step(const ConnectionTables& tables) noexcept {
    if (tables.worker != nullptr)
        answer_ =
            std::visit([&](const auto& q) { return answer_of(*tables.worker, q); }, question_);
    return true;
}

}  // namespace shunt::ctl
