// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/seeing/watch_control.h"

#include <rte_cycles.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "dataplane/trace.h"
#include "dataplane/watch_mark.h"

namespace shunt::ctl {

namespace {

/// Memory for the records of all workers, and of one at most and at least.
constexpr std::size_t all_memory = 64U << 20;
constexpr std::size_t most_memory = 8U << 20;
constexpr std::size_t least_memory = 1U << 20;
constexpr std::size_t most_records = 8192;
/// A client that does not read so much stops the records from being taken; then some get lost.
constexpr std::size_t most_unread = 4U << 20;

std::uint32_t records_for(const WatchOrder& order, std::uint16_t workers) {
    const std::size_t bytes =
        sizeof(WatchRecord) +
        std::max<std::size_t>(order.snap, order.traces ? sizeof(TracePass) : 0);
    const std::size_t memory = std::clamp(all_memory / workers, least_memory, most_memory);
    return static_cast<std::uint32_t>(std::bit_floor(std::min(memory / bytes, most_records)));
}

std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

/// The time of day at a value of the TSC that is not long past.
class TimeOfDay {
  public:
    TimeOfDay() : tsc_(rte_rdtsc()), ns_(now_ns()), hz_(static_cast<double>(rte_get_tsc_hz())) {}
    [[nodiscard]] std::uint64_t at(std::uint64_t tsc) const {
        const auto ago = static_cast<double>(static_cast<std::int64_t>(tsc_ - tsc));
        return ns_ - static_cast<std::uint64_t>(static_cast<std::int64_t>(ago * 1e9 / hz_));
    }

  private:
    std::uint64_t tsc_;
    std::uint64_t ns_;
    double hz_;
};

}  // namespace

/// A worker takes a Watch, or gives it up.
class WatchControl::Change final : public WorkerRequest {
  public:
    explicit Change(Watch* watch) : watch_(watch) {}
    bool step(WorkerState& worker) noexcept override {
        worker.counters.watch = watch_;
        return true;
    }

  private:
    Watch* watch_;
};

struct WatchControl::Running {
    struct Part {
        std::unique_ptr<Watch> watch;
        Change begin;
        Change finish{nullptr};
        bool begun = false;     ///< `begin` was posted
        bool finished = false;  ///< `finish` was posted
        explicit Part(std::unique_ptr<Watch> w) : watch(std::move(w)), begin(watch.get()) {}
    };

    [[nodiscard]] bool begun() const {
        return std::ranges::all_of(parts,
                                   [](const auto& p) { return p->begun && p->begin.done(); });
    }
    [[nodiscard]] bool released() const {
        return std::ranges::all_of(
            parts, [](const auto& p) { return !p->begun || (p->finished && p->finish.done()); });
    }
    [[nodiscard]] std::uint64_t lost() const {
        std::uint64_t sum = 0;
        for (const auto& part : parts) sum += part->watch->lost();
        return sum;
    }
    [[nodiscard]] std::uint32_t matched() const {
        return std::min(order.matched.load(std::memory_order_relaxed), order.packets);
    }

    Session id = 0;
    WatchOrder order;
    std::vector<std::unique_ptr<Part>> parts;  ///< by worker
    std::unique_ptr<WatchSink> sink;
    std::uint64_t most_bytes = 0;
    std::function<void(Session)> watching;  ///< not told yet
    Clock::time_point started;
    Clock::time_point until;
    Clock::time_point last_read;
    std::optional<Clock::time_point> exhausted;
    std::vector<WatchedPacket> waiting;  ///< for the order of time
    std::uint64_t horizon = 0;           ///< what is older can be told
    std::string_view why;                ///< not empty: it ends
    bool done = false;
    std::function<void(const State&)> reader;
    Clock::time_point reader_until;
};

WatchControl::WatchControl(boost::asio::io_context& io, std::uint16_t workers, Post post,
                           const Patience& patience)
    : workers_(workers), post_(std::move(post)), patience_(patience), timer_(io) {}

WatchControl::~WatchControl() = default;

void WatchControl::start(const WatchTask& task, std::unique_ptr<WatchSink> sink,
                         std::function<void(Session)> watching) {
    if (session_ != nullptr && !session_->done)
        throw refused(EBUSY,
                      "packets are being watched already, in session " +
                          std::to_string(session_->id) + "; one capture or trace at a time",
                      "");
    if (!register_watch_mark())
        throw refused(ENOSPC, "no room is left in packet buffers for a mark", "");
    auto running = std::make_unique<Running>();
    const std::uint32_t id = last_session_ + 1;
    running->id = id;
    WatchOrder& order = running->order;
    order.filter = task.filter;
    order.worker = task.worker;
    order.port = task.port;
    order.dropped_only = task.dropped_only;
    order.traces = task.traces;
    order.packets = task.packets;
    order.snap = task.snap;
    order.session = static_cast<std::uint8_t>(id % 255 + 1);
    try {
        for (std::uint16_t w = 0; w < workers_; ++w)
            running->parts.push_back(std::make_unique<Running::Part>(
                std::make_unique<Watch>(order, WorkerId(w), records_for(order, workers_))));
    } catch (const std::bad_alloc&) {
        throw refused(ENOMEM, "no memory for the records of so many workers; try a smaller snap",
                      "snap");
    }
    running->sink = std::move(sink);
    running->most_bytes = task.bytes;
    running->watching = std::move(watching);
    running->started = running->last_read = Clock::now();
    running->until = running->started + task.time;
    last_session_ = id;
    session_ = std::move(running);
    change_workers();
    wait();
}

void WatchControl::tell_begin() {
    Running& r = *session_;
    if (!r.watching || (!r.begun() && Clock::now() - r.started < patience_.begin)) return;
    r.last_read = Clock::now();
    std::exchange(r.watching, {})(r.id);
}

WatchControl::Running& WatchControl::running(Session session) {
    if (session_ == nullptr || session_->id != session)
        throw refused(ENOENT, "there is no session " + std::to_string(session) + " any more",
                      "session");
    return *session_;
}

void WatchControl::read(Session session, std::function<void(const State&)> done) {
    static_cast<void>(running(session));
    answer_reader();  // an earlier one gives way, and may have been told the end
    Running& r = running(session);
    r.last_read = Clock::now();
    r.reader_until = r.last_read + patience_.answer;
    r.reader = std::move(done);
    if (r.done || r.sink->unread() > 0) answer_reader();
}

void WatchControl::stop(Session session) {
    if (running(session).why.empty()) end("stopped");
}

/// Tells the reader how it stands. When nothing more comes the session goes with it.
void WatchControl::answer_reader() {
    if (session_ == nullptr || !session_->reader) return;
    Running& r = *session_;
    const auto reader = std::exchange(r.reader, {});
    r.last_read = Clock::now();
    reader({.sink = r.sink.get(),
            .done = r.done,
            .packets = r.matched(),
            .lost = r.lost(),
            .why = r.why});
    if (r.done && r.sink->unread() == 0) session_.reset();
}

void WatchControl::wait() {
    timer_.expires_after(patience_.poll);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) poll();
    });
}

void WatchControl::poll() {
    if (session_ == nullptr) return;
    change_workers();
    tell_begin();
    gather(false);
    check_end();
    const auto now = Clock::now();
    Running& r = *session_;
    if (r.reader && (r.done || r.sink->unread() > 0 || now >= r.reader_until)) answer_reader();
    if (session_ == nullptr) return;
    if (session_->done && now - session_->last_read >= patience_.client) {
        session_.reset();
        return;
    }
    wait();
}

/// Posts what the workers have not been asked yet.
void WatchControl::change_workers() {
    Running& r = *session_;
    const bool ends = !r.why.empty();
    for (std::uint16_t w = 0; w < workers_; ++w) {
        Running::Part& part = *r.parts[w];
        if (!part.begun && !ends) part.begun = post_(WorkerId(w), part.begin);
        if (part.begun && ends && !part.finished) part.finished = post_(WorkerId(w), part.finish);
    }
}

/// Takes what the workers have told, and passes on what nobody can tell of anything older than;
/// `all`: they tell nothing more.
void WatchControl::gather(bool all) {
    Running& r = *session_;
    if (r.sink->unread() > most_unread && !all) return;
    const std::uint64_t begun = rte_rdtsc();
    const TimeOfDay time;
    for (std::uint16_t w = 0; w < workers_; ++w)
        r.parts[w]->watch->ring().take([&](const WatchRecord& record, auto bytes) {
            r.waiting.push_back({.time = time.at(record.tsc),
                                 .worker = WorkerId(w),
                                 .record = record,
                                 .bytes = {bytes.begin(), bytes.end()}});
            return true;
        });
    const auto by_tsc = [](const WatchedPacket& p) { return p.record.tsc; };
    std::ranges::stable_sort(r.waiting, {}, by_tsc);
    const auto end =
        all ? r.waiting.end() : std::ranges::lower_bound(r.waiting, r.horizon, {}, by_tsc);
    for (auto p = r.waiting.begin(); p != end; ++p)
        if (r.sink->bytes() < r.most_bytes) r.sink->take(*p);
    r.waiting.erase(r.waiting.begin(), end);
    r.horizon = begun;
}

void WatchControl::check_end() {
    Running& r = *session_;
    const auto now = Clock::now();
    if (r.why.empty()) {
        if (!r.exhausted && r.order.exhausted()) r.exhausted = now;
        if (r.exhausted && now - *r.exhausted >= patience_.rest)
            end("packets");
        else if (r.sink->bytes() >= r.most_bytes)
            end("bytes");
        else if (now >= r.until)
            end("seconds");
        else if (!r.reader && now - r.last_read >= patience_.client)
            end("nobody reads");
    }
    if (r.why.empty() || r.done || !r.released()) return;
    gather(true);
    r.sink->end(now_ns(), r.lost());
    r.done = true;
}

void WatchControl::end(std::string_view why) {
    session_->why = why;
    change_workers();
}

}  // namespace shunt::ctl
