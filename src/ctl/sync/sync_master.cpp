// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/sync/sync_master.h"

#include <cstring>

#include "base/hash.h"

namespace shunt::ctl {

namespace {

constexpr std::string_view engine_name = "sip";

std::size_t lane_of(const SyncRecord& record, std::size_t lanes) {
    const std::uint32_t port = record.client.port.value();
    return record.client.address.visit([&](const auto& address) {
        return hash_of(std::as_bytes(std::span(&address, 1)), port);
    }) % lanes;
}

IpAddress address_of(const std::array<std::uint8_t, 16>& bytes, Family family) {
    const auto read = [&bytes]<class Address>(Address address) -> IpAddress {
        std::memcpy(&address, bytes.data(), sizeof(address));
        return address;
    };
    return family == Family::ipv4 ? read(Ipv4Address{}) : read(Ipv6Address{});
}

std::uint32_t whole_seconds(Ticks ticks) {
    return std::chrono::duration_cast<std::chrono::duration<std::uint32_t>>(ticks).count();
}

/// A template as IPVS tells of it: it is never active, and its own server's replies are none of its
/// business.
SyncRecord record_of(const AffinityTable::Row& row, const DestSlot& server, Mark mark) {
    std::uint16_t flags = static_cast<std::uint8_t>(server.forward);
    flags |= sync_flag::is_template | sync_flag::inactive;
    if (server.forward != ForwardMethod::nat) flags |= sync_flag::no_output;
    return {.client = {address_of(row.key.client, row.key.family), L4Port{}},
            .virtual_service = {address_of(row.key.service, row.key.family), row.key.port},
            .server = {server.endpoint.address, row.port},
            .protocol = row.key.protocol,
            .state = static_cast<std::uint8_t>(row.assured ? 1 : 0),
            .flags = flags,
            .mark = mark,
            .timeout = whole_seconds(row.timeout),
            .engine = row.data.size != 0 ? engine_name : std::string_view(),
            .engine_data = row.data.view()};
}

}  // namespace

void ServerMarks::follow(const std::shared_ptr<const ServiceTable>& services) {
    if (services == services_) return;
    services_ = services;
    marks_.clear();
    for (const auto& service : services->services())
        if (service != nullptr && service->key.mark != Mark{})
            for (const RealServer& server : service->servers)
                marks_[server.id.value()] = service->key.mark;
}

Mark ServerMarks::of(DestId dest) const {
    const auto at = marks_.find(dest.value());
    return at == marks_.end() ? Mark{} : at->second;
}

SyncMaster::SyncMaster(const Options& options, AffinityTable* affinity, Send send)
    : affinity_(affinity), send_(std::move(send)) {
    for (std::uint16_t i = 0; i < options.ports; ++i)
        lanes_.push_back(
            {.writer = SyncMessageWriter(options.version, options.syncid, options.maxlen)});
}

void SyncMaster::tell(const SyncNotice& notice, const SyncMoment& moment) {
    marks_.follow(moment.services);
    if (!notice.template_only) {
        SyncRecord record = notice.record;
        record.mark = marks_.of(notice.dest);
        tell(record, moment);
    }
    if (notice.affinity != no_affinity) tell_template(notice.affinity, moment);
}

void SyncMaster::tell(const SyncRecord& record, const SyncMoment& moment) {
    Lane& lane = lanes_[lane_of(record, lanes_.size())];
    if (lane.writer.version() != moment.version) finish(lane, moment);
    auto added = lane.writer.add(record);
    if (added == SyncMessageWriter::Added::no_room) {
        finish(lane, moment);
        added = lane.writer.add(record);
    }
    if (added == SyncMessageWriter::Added::never) {
        ++counts_.unfit;
        return;
    }
    ++counts_.records;
    if (lane.writer.count() == 1) lane.since = moment.now;
}

/// IPVS tells a template with every packet of its connections unless there is a refresh period.
/// Here it is told with each connection that is, but once a second.
bool SyncMaster::is_due(AffinityRef ref, const AffinityTable::Row& row, const SyncMoment& moment) {
    constexpr std::uint32_t pause = 10;  // ticks
    if (ref >= templates_.size()) templates_.resize(std::size_t{ref} + 1);
    TemplateNote& note = templates_[ref];
    const std::uint64_t key = hash_of(row.data.view(), hash_of(row.key, row.dest.value())) | 1U;
    if (note.key != key) note = {.key = key, .memo = {}, .last = {}};
    const bool assured = row.assured != (note.memo.state != 0);
    const auto since = static_cast<std::uint32_t>(ticks_between(note.last, moment.tick));
    if (note.last != TickTime() && since < pause && !assured) return false;
    const SyncSubject subject{.protocol = row.key.protocol,
                              .state = static_cast<std::uint8_t>(row.assured ? 1 : 0),
                              .is_template = true,
                              .timeout = row.timeout};
    if (!is_to_be_told(moment.rules, subject, note.memo, moment.tick)) return false;
    note.last = moment.tick;
    return true;
}

void SyncMaster::tell_template(AffinityRef ref, const SyncMoment& moment) {
    if (affinity_ == nullptr) return;
    affinity_->for_each(ref, 1, moment.tick, [&](const AffinityTable::Row& row) {
        const DestSlot* server = moment.services->find_slot(row.dest);
        if (server == nullptr || !row.valid) return;
        if (server->endpoint.address.family() != row.key.family) {
            ++counts_.unfit;
            return;
        }
        if (is_due(ref, row, moment)) tell(record_of(row, *server, marks_.of(row.dest)), moment);
    });
}

void SyncMaster::finish(Lane& lane, const SyncMoment& moment) {
    const bool empty = lane.writer.empty();
    auto message = lane.writer.take(moment.version);
    if (empty) return;
    if (lane.waiting.size() >= moment.most_waiting)
        ++counts_.dropped;
    else
        lane.waiting.push_back(std::move(message));
}

void SyncMaster::send(const SyncMoment& moment) {
    for (std::size_t port = 0; port < lanes_.size(); ++port) {
        Lane& lane = lanes_[port];
        if (!lane.writer.empty() && moment.now - lane.since >= patience) finish(lane, moment);
        while (!lane.waiting.empty()) {
            const Sent sent = send_(port, lane.waiting.front());
            if (sent == Sent::later) break;
            ++(sent == Sent::yes ? counts_.messages : counts_.failed);
            lane.waiting.pop_front();
        }
    }
}

}  // namespace shunt::ctl
