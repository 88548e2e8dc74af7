// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn/conn_listing.h"

#include <rte_ring.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>

namespace shunt::ctl {

/// One question: worker after worker, and then the templates, until there is enough.
struct ConnectionLister::Job {
    explicit Job(boost::asio::io_context& io) : timer(io) {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;

    [[nodiscard]] virtual std::unique_ptr<ConnectionRequest> request_at(const ListPosition& at) = 0;
    /// Of a request that is done. Is that enough?
    virtual bool take(const ConnectionRequest& done) = 0;
    /// `next`: where there may be more.
    virtual void answer(std::optional<ListPosition> next) = 0;
    virtual void fail(const RpcError& error) = 0;
    /// Is a part of the answer one too, that may not take longer than Patience::page?
    [[nodiscard]] virtual bool in_parts() const { return false; }

    boost::asio::steady_timer timer;
    std::unique_ptr<ConnectionRequest> request;
    ListPosition at;         ///< of the request
    bool templates = false;  ///< they come last
    bool posted = false;
    Clock::time_point part_until;
    Clock::time_point request_until;
    Clock::time_point worker_until;
};

struct ConnectionLister::ListJob final : Job {
    ListJob(boost::asio::io_context& io, FilterPtr f, std::size_t limit, Done<ConnectionList> d)
        : Job(io), filter(std::move(f)), most(limit), done(std::move(d)) {}

    std::unique_ptr<ConnectionRequest> request_at(const ListPosition& from) override {
        return std::make_unique<ConnectionPage>(filter, from, most - list.rows.size());
    }
    bool take(const ConnectionRequest& page) override {
        static_cast<const ConnectionPage&>(page).give(list.rows);
        return list.rows.size() >= most;
    }
    void answer(std::optional<ListPosition> next) override {
        list.next = next;
        done(std::move(list), {});
    }
    void fail(const RpcError& error) override { done({}, error); }
    [[nodiscard]] bool in_parts() const override { return true; }

    FilterPtr filter;
    std::size_t most;
    Done<ConnectionList> done;
    ConnectionList list;
};

template <class Request>
struct ConnectionLister::TallyJob final : Job {
    TallyJob(boost::asio::io_context& io, FilterPtr f, Done<ConnectionTally> d)
        : Job(io), filter(std::move(f)), done(std::move(d)) {}

    std::unique_ptr<ConnectionRequest> request_at(const ListPosition& from) override {
        return std::make_unique<Request>(filter, from);
    }
    bool take(const ConnectionRequest& part) override {
        const auto& more = static_cast<const Request&>(part).tally();
        tally.connections += more.connections;
        tally.templates += more.templates;
        return false;
    }
    void answer(std::optional<ListPosition>) override { done(tally, {}); }
    void fail(const RpcError& error) override { done({}, error); }

    FilterPtr filter;
    Done<ConnectionTally> done;
    ConnectionTally tally;
};

struct ConnectionLister::FindJob final : Job {
    FindJob(boost::asio::io_context& io, const ClientTuple& t, Done<std::optional<ConnectionRow>> d)
        : Job(io), tuple(t), done(std::move(d)) {}

    std::unique_ptr<ConnectionRequest> request_at(const ListPosition& from) override {
        return std::make_unique<ConnectionSearch>(tuple, from.worker);
    }
    bool take(const ConnectionRequest& search) override {
        found = static_cast<const ConnectionSearch&>(search).found();
        return found.has_value();
    }
    void answer(std::optional<ListPosition>) override { done(std::move(found), {}); }
    void fail(const RpcError& error) override { done({}, error); }

    ClientTuple tuple;
    Done<std::optional<ConnectionRow>> done;
    std::optional<ConnectionRow> found;
};

struct ConnectionLister::ExplainJob final : Job {
    ExplainJob(boost::asio::io_context& io, const PacketQuestion& q,
               Done<std::optional<ExplainAnswer>> d)
        : Job(io), question(q), done(std::move(d)) {}

    std::unique_ptr<ConnectionRequest> request_at(const ListPosition&) override {
        return std::make_unique<ExplainRequest>(question);
    }
    bool take(const ConnectionRequest& request) override {
        found = static_cast<const ExplainRequest&>(request).answer();
        return found.has_value();
    }
    void answer(std::optional<ListPosition>) override { done(std::move(found), {}); }
    void fail(const RpcError& error) override { done({}, error); }

    PacketQuestion question;
    Done<std::optional<ExplainAnswer>> done;
    std::optional<ExplainAnswer> found;
};

ConnectionLister::ConnectionLister(boost::asio::io_context& io, std::uint16_t workers,
                                   bool templates, Post post, const Patience& patience)
    : io_(io),
      workers_(workers),
      templates_(templates),
      post_(std::move(post)),
      patience_(patience) {}

void ConnectionLister::list(const FilterPtr& filter, const ListPosition& from, std::size_t most,
                            Done<ConnectionList> done) {
    begin(std::make_shared<ListJob>(io_, filter, most, std::move(done)), *filter, from);
}

void ConnectionLister::count(const FilterPtr& filter, Done<ConnectionTally> done) {
    begin(std::make_shared<TallyJob<ConnectionCount>>(io_, filter, std::move(done)), *filter, {});
}

void ConnectionLister::flush(const FilterPtr& filter, Done<ConnectionTally> done) {
    begin(std::make_shared<TallyJob<ConnectionFlush>>(io_, filter, std::move(done)), *filter, {});
}

void ConnectionLister::find(const ClientTuple& tuple, Done<std::optional<ConnectionRow>> done) {
    begin(std::make_shared<FindJob>(io_, tuple, std::move(done)),
          {.kind = ConnectionKind::connection}, {});
}

void ConnectionLister::explain(const PacketQuestion& question,
                               Done<std::optional<ExplainAnswer>> done) {
    begin(std::make_shared<ExplainJob>(io_, question, std::move(done)),
          {.kind = ConnectionKind::connection}, {});
}

/// Passes over what the filter does not want at all.
void ConnectionLister::begin(const std::shared_ptr<Job>& job, const ConnectionFilter& filter,
                             const ListPosition& from) {
    std::erase_if(abandoned_, [](const auto& request) { return request->done(); });
    job->templates = templates_ && filter.kind != ConnectionKind::connection;
    job->part_until = Clock::now() + patience_.page;
    const bool only_templates = filter.kind == ConnectionKind::client_template;
    start(job, only_templates && !from.templates ? template_at(0) : from);
}

void ConnectionLister::start(const std::shared_ptr<Job>& job, const ListPosition& at) {
    job->at = at;
    job->request = job->request_at(at);
    job->posted = post_(at.worker, *job->request);
    const auto now = Clock::now();
    job->request_until = job->in_parts() ? job->part_until : now + patience_.page;
    job->worker_until = now + patience_.worker;
    wait(job);
}

void ConnectionLister::wait(const std::shared_ptr<Job>& job) {
    job->timer.expires_after(patience_.poll);
    job->timer.async_wait([this, job](const boost::system::error_code& error) {
        if (!error) poll(job);
    });
}

void ConnectionLister::poll(const std::shared_ptr<Job>& job) {
    if (!job->posted) job->posted = post_(job->at.worker, *job->request);
    if (job->posted && job->request->done()) return take(job);
    const auto now = Clock::now();
    if (now >= job->worker_until) return give_up(job);
    if (now >= job->request_until) job->request->end_early();
    wait(job);
}

void ConnectionLister::take(const std::shared_ptr<Job>& job) {
    const bool enough = job->take(*job->request);
    auto next = job->request->next();
    if (!next) next = after(*job);
    if (!next || enough || (job->in_parts() && Clock::now() >= job->part_until))
        return job->answer(next);
    start(job, *next);
}

/// What comes behind all that the worker of a job's request has.
std::optional<ListPosition> ConnectionLister::after(const Job& job) const {
    if (job.at.templates) return std::nullopt;
    const auto worker = static_cast<std::uint16_t>(job.at.worker.value() + 1);
    if (worker < workers_) return ListPosition{.worker = WorkerId(worker)};
    return job.templates ? std::optional(template_at(0)) : std::nullopt;
}

void ConnectionLister::give_up(const std::shared_ptr<Job>& job) {
    job->request->end_early();
    if (job->posted) abandoned_.push_back(std::move(job->request));
    job->fail(refused(ETIMEDOUT,
                      "worker " + std::to_string(job->at.worker.value()) +
                          " did not answer within " + std::to_string(patience_.worker.count()) +
                          " ms",
                      ""));
}

std::function<bool(WorkerId, WorkerRequest&)> post_to(std::span<WorkerState* const> workers) {
    std::vector<rte_ring*> rings;
    for (const WorkerState* worker : workers) rings.push_back(worker->requests.get());
    return [rings = std::move(rings)](WorkerId worker, WorkerRequest& request) {
        WorkerRequest* const element = &request;
        return rte_ring_enqueue(rings[worker.value()], element) == 0;
    };
}

}  // namespace shunt::ctl
