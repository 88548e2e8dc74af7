// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/conn_listing.h"

#include <rte_cycles.h>
#include <rte_ring.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace shunt::ctl {

namespace {

/// A whole decimal number of digits only that fits.
template <class T>
bool read_number(std::string_view text, T& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

/// Where the packets of a client go. Only a translated connection has the server's endpoint itself,
/// and no packet but such a one gets another port.
template <class F>
Endpoint server_of(const Conn<F>& conn, const ServiceTable& services) noexcept {
    switch (conn.method) {
        case ForwardMethod::nat:
            return {conn.real, conn.real_port};
        case ForwardMethod::direct:
        case ForwardMethod::tunnel:
            return {services.slot(conn.dest).endpoint.address, conn.virtual_port};
        case ForwardMethod::bypass:
            break;
    }
    return {conn.virtual_address, conn.virtual_port};
}

template <class F>
ConnectionRow make_row(const Conn<F>& conn, const ServiceTable& services, TickTime now) noexcept {
    using std::chrono::floor;
    const Ticks left = conn.expires > now ? conn.expires - now : Ticks(0);
    return {.protocol = conn.protocol,
            .state = conn.state,
            .client = {conn.client, conn.client_port},
            .virtual_service = {conn.virtual_address, conn.virtual_port},
            .server = server_of(conn, services),
            .method = conn.method,
            .expires = floor<std::chrono::seconds>(left),
            .worker = {}};
}

constexpr ListPosition template_at(std::uint32_t slot) noexcept {
    return {.worker = {}, .slot = slot, .templates = true};
}

/// `bytes` are as in AffinityKey.
IpAddress address_in(const std::array<std::uint8_t, 16>& bytes, Family family) noexcept {
    if (family == Family::ipv6) return Ipv6Address{bytes};
    Ipv4Address v4;
    std::memcpy(&v4, bytes.data(), sizeof(v4));
    return v4;
}

/// A template as IPVS shows it: an invalid one has no port any more. Nothing for one whose server
/// is not known here.
std::optional<ConnectionRow> make_row(const AffinityTable::Row& row, const ServiceTable& services) {
    if (row.dest.value() >= services.slots().size()) return std::nullopt;
    constexpr L4Port invalid{std::uint16_t{0xFFFF}};
    const ServiceTable::DestSlot& server = services.slot(row.dest);
    return ConnectionRow{.protocol = row.key.protocol,
                         .client = {address_in(row.key.client, row.key.family), {}},
                         .virtual_service = {address_in(row.key.service, row.key.family),
                                             row.valid ? row.key.port : invalid},
                         .server = {server.endpoint.address, row.valid ? row.port : invalid},
                         .method = server.forward,
                         .expires = std::chrono::floor<std::chrono::seconds>(row.left),
                         .worker = {},
                         .is_template = true,
                         .assured = row.assured};
}

}  // namespace

std::string_view state_name(const ConnectionRow& row) noexcept {
    if (row.is_template) return row.assured ? "ASSURED" : "NONE";
    if (row.protocol == Protocol::udp) return "UDP";
    if (row.protocol == Protocol::sctp) return sctp_state_name(static_cast<SctpState>(row.state));
    return tcp_state_name(static_cast<TcpState>(row.state));
}

std::string to_string(const ListPosition& p) {
    if (p.templates) return "t:" + std::to_string(p.slot);
    return std::string(p.family == Family::ipv4 ? "4" : "6") + ':' +
           std::to_string(p.worker.value()) + ':' + std::to_string(p.slot);
}

std::optional<ListPosition> parse_list_position(std::string_view text, std::uint16_t workers) {
    if (ListPosition p = template_at(0); text.starts_with("t:"))
        return read_number(text.substr(2), p.slot) ? std::optional(p) : std::nullopt;
    const auto first = text.find(':');
    const auto second = text.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return {};
    const auto family = text.substr(0, first);
    std::uint16_t worker = 0;
    ListPosition p;
    if (!read_number(text.substr(first + 1, second - first - 1), worker) || worker >= workers ||
        !read_number(text.substr(second + 1), p.slot) || (family != "4" && family != "6"))
        return {};
    p.family = family == "4" ? Family::ipv4 : Family::ipv6;
    p.worker = WorkerId(worker);
    return p;
}

template <class F>
void ConnectionPage::copy(const ConnTable<F>& table, const ServiceTable& services,
                          TickTime now) noexcept {
    const std::uint32_t used = table.slots_used();
    const std::uint32_t end =
        used - std::min(used, position_.slot) > slots_a_step ? position_.slot + slots_a_step : used;
    for (; position_.slot < end && count_ < rows_.size(); ++position_.slot)
        table.for_each(position_.slot, 1, [&](const Conn<F>& conn) {
            rows_[count_] = make_row(conn, services, now);
            rows_[count_++].worker = position_.worker;
        });
    if (position_.slot < used) return;
    if constexpr (F::family == Family::ipv4)
        position_ = {.worker = position_.worker, .family = Family::ipv6, .slot = 0};
    else
        finished_ = true;
}

bool ConnectionPage::step(const ConnTable<Ipv4>& v4, const ConnTable<Ipv6>& v6,
                          const ServiceTable& services, TickTime now) noexcept {
    if (end_early_.load(std::memory_order_relaxed)) return true;
    if (position_.family == Family::ipv4)
        copy(v4, services, now);
    else
        copy(v6, services, now);
    return finished_ || count_ == rows_.size();
}

/// One list(): a page from each worker in turn until there are enough rows.
struct ConnectionLister::Job {
    explicit Job(boost::asio::io_context& io) : timer(io) {}
    boost::asio::steady_timer timer;
    std::size_t most = 0;
    Done done;
    ConnectionList list;
    std::unique_ptr<ConnectionPage> page;
    ListPosition from;  ///< of the page
    bool posted = false;
    Clock::time_point page_until;
    Clock::time_point worker_until;
};

ConnectionLister::ConnectionLister(boost::asio::io_context& io, std::uint16_t workers, Post post,
                                   const Patience& patience, Templates templates)
    : io_(io),
      workers_(workers),
      post_(std::move(post)),
      patience_(patience),
      templates_(std::move(templates)) {}

void ConnectionLister::list(const ListPosition& from, std::size_t most, Done done) {
    std::erase_if(abandoned_, [](const auto& page) { return page->done(); });
    auto job = std::make_shared<Job>(io_);
    job->most = most;
    job->done = std::move(done);
    job->page_until = Clock::now() + patience_.page;
    go_on(job, from);
}

void ConnectionLister::start(const std::shared_ptr<Job>& job, const ListPosition& from) {
    job->from = from;
    job->page = std::make_unique<ConnectionPage>(from, job->most - job->list.rows.size());
    job->posted = post_(from.worker, *job->page);
    job->worker_until = Clock::now() + patience_.worker;
    wait(job);
}

void ConnectionLister::wait(const std::shared_ptr<Job>& job) {
    job->timer.expires_after(patience_.poll);
    job->timer.async_wait([this, job](const boost::system::error_code& error) {
        if (!error) poll(job);
    });
}

void ConnectionLister::poll(const std::shared_ptr<Job>& job) {
    if (job->from.templates) return list_templates(job);
    if (!job->posted) job->posted = post_(job->from.worker, *job->page);
    if (job->posted && job->page->done()) return take(job);
    const auto now = Clock::now();
    if (now >= job->worker_until) return give_up(job);
    if (now >= job->page_until) job->page->end_early();
    wait(job);
}

void ConnectionLister::take(const std::shared_ptr<Job>& job) {
    auto& rows = job->list.rows;
    const auto more = job->page->rows();
    rows.insert(rows.end(), more.begin(), more.end());
    std::optional<ListPosition> next = job->page->next();
    const auto worker = static_cast<std::uint16_t>(job->from.worker.value() + 1);
    if (!next && worker < workers_)
        next = ListPosition{.worker = WorkerId(worker)};
    else if (!next && templates_)
        next = template_at(0);
    go_on(job, next);
}

void ConnectionLister::go_on(const std::shared_ptr<Job>& job,
                             const std::optional<ListPosition>& next) {
    if (!next || job->list.rows.size() >= job->most || Clock::now() >= job->page_until)
        return finish(job, next);
    if (!next->templates) return start(job, *next);
    job->from = *next;
    wait(job);
}

/// The control thread reads them itself.
void ConnectionLister::list_templates(const std::shared_ptr<Job>& job) {
    std::optional<ListPosition> next;
    if (templates_)
        if (const auto slot = templates_(job->from.slot, job->most, job->list.rows))
            next = template_at(*slot);
    go_on(job, next);
}

void ConnectionLister::finish(const std::shared_ptr<Job>& job, std::optional<ListPosition> next) {
    job->list.next = next;
    job->done(std::move(job->list), {});
}

void ConnectionLister::give_up(const std::shared_ptr<Job>& job) {
    if (job->posted) abandoned_.push_back(std::move(job->page));
    job->done({}, refused(ETIMEDOUT,
                          "worker " + std::to_string(job->from.worker.value()) +
                              " did not answer within " + std::to_string(patience_.worker.count()) +
                              " ms",
                          ""));
}

ConnectionLister::Templates templates_of(SharedState& shared, const Publisher& publisher) {
    constexpr std::uint32_t slots_at_once = 16384;
    return [&shared, &publisher](std::uint32_t from, std::size_t most,
                                 std::vector<ConnectionRow>& rows) -> std::optional<std::uint32_t> {
        const TickTime now = shared.tick_at(rte_rdtsc());
        const std::uint32_t used = shared.affinity->slots_used();
        std::uint32_t slot = from;
        for (; slot < used && slot - from < slots_at_once && rows.size() < most; ++slot)
            shared.affinity->for_each(slot, 1, now, [&](const AffinityTable::Row& row) {
                if (const auto shown = make_row(row, *publisher.current().services))
                    rows.push_back(*shown);
            });
        if (slot >= used) return std::nullopt;
        return slot;
    };
}

ConnectionLister::Post post_to(std::span<WorkerState* const> workers) {
    std::vector<rte_ring*> rings;
    for (const WorkerState* worker : workers) rings.push_back(worker->requests.get());
    return [rings = std::move(rings)](WorkerId worker, ConnectionPage& page) {
        WorkerRequest* const request = &page;
        return rte_ring_enqueue(rings[worker.value()], request) == 0;
    };
}

}  // namespace shunt::ctl
