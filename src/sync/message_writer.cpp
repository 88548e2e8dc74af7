// SPDX-License-Identifier: BSD-3-Clause
#include "sync/message_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sync/sync_layout.h"

namespace shunt {

namespace {

using namespace sync_layout;

constexpr std::size_t header_size(SyncVersion version) noexcept {
    return version == SyncVersion::v1 ? sizeof(Header1) : sizeof(Header0);
}

/// The bytes of the record's entry; none if the version has no words for it.
std::size_t entry_size(const SyncRecord& record, SyncVersion version) noexcept {
    const std::size_t sequences = record.has(sync_flag::sequences) ? sizeof(Sequences1) : 0;
    const bool ipv6 = record.family() == Family::ipv6;
    if (version == SyncVersion::v0) return ipv6 ? 0 : sizeof(Entry0) + sequences;
    std::size_t size =
        sizeof(Entry1) + (ipv6 ? sizeof(Addresses<Ipv6Address>) : sizeof(Addresses<Ipv4Address>));
    if (sequences != 0) size += 2 + sequences;
    if (!record.engine_data.empty()) size += 2 + record.engine_data.size() + 2;
    return size + (record.engine_data.empty() ? 0 : record.engine.size());
}

constexpr std::size_t padded(std::size_t size) noexcept {
    return (size + 3) / 4 * 4;
}

bool fits_an_entry(const SyncRecord& record) noexcept {
    return record.engine_data.size() <= longest_engine_data &&
           record.engine.size() <= longest_engine_name;
}

Sequences0 sequences_of(const SyncRecord& record) noexcept {
    const auto& in = record.sequence[static_cast<std::size_t>(Direction::from_client)];
    const auto& out = record.sequence[static_cast<std::size_t>(Direction::from_server)];
    return {in.start, in.delta, in.previous, out.start, out.delta, out.previous};
}

}  // namespace

SyncMessageWriter::SyncMessageWriter(SyncVersion version, std::uint8_t syncid, std::size_t most)
    : version_(version), syncid_(syncid), most_(most) {
    begin();
}

void SyncMessageWriter::begin() {
    bytes_.clear();
    bytes_.reserve(most_);
    bytes_.resize(header_size(version_));
    count_ = 0;
}

SyncMessageWriter::Added SyncMessageWriter::add(const SyncRecord& record) {
    const std::size_t size = entry_size(record, version_);
    if (size == 0 || !fits_an_entry(record) || header_size(version_) + size > most_)
        return Added::never;
    const std::size_t begin = version_ == SyncVersion::v1 ? padded(bytes_.size()) : bytes_.size();
    if (count_ == most_entries || begin + size > most_) return Added::no_room;
    bytes_.resize(begin);
    version_ == SyncVersion::v1 ? put_entry1(record) : put_entry0(record);
    ++count_;
    return Added::yes;
}

std::vector<std::byte> SyncMessageWriter::take(SyncVersion next) {
    const Be16 size(static_cast<std::uint16_t>(bytes_.size()));
    const auto count = static_cast<std::uint8_t>(count_);
    if (version_ == SyncVersion::v1) {
        const Header1 header{.no_entries = 0,
                             .syncid = syncid_,
                             .size = size,
                             .count = count,
                             .version = 1,
                             .zero = {}};
        std::memcpy(bytes_.data(), &header, sizeof(header));
    } else {
        const Header0 header{.count = count, .syncid = syncid_, .size = size};
        std::memcpy(bytes_.data(), &header, sizeof(header));
    }
    version_ = next;
    auto message = std::exchange(bytes_, {});
    begin();
    return message;
}

template <class T>
void SyncMessageWriter::put(const T& value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof(T));
}

void SyncMessageWriter::put_entry0(const SyncRecord& record) {
    put(Entry0{.zero = 0,
               .protocol = static_cast<std::uint8_t>(record.protocol),
               .client_port = record.client.port,
               .virtual_port = record.virtual_service.port,
               .server_port = record.server.port,
               .client = record.client.address.v4(),
               .virtual_address = record.virtual_service.address.v4(),
               .server = record.server.address.v4(),
               .flags = Be16(record.flags),
               .state = Be16(std::uint16_t{record.state})});
    if (record.has(sync_flag::sequences)) put(sequences_of(record));
}

template <class Address>
void SyncMessageWriter::put_addresses(const Address& client, const Address& virtual_address,
                                      const Address& server) {
    put(Addresses<Address>{client, virtual_address, server});
}

void SyncMessageWriter::put_entry1(const SyncRecord& record) {
    const bool ipv6 = record.family() == Family::ipv6;
    const std::size_t size = entry_size(record, SyncVersion::v1);
    put(Entry1{.type = ipv6 ? type_ipv6 : std::uint8_t{0},
               .protocol = static_cast<std::uint8_t>(record.protocol),
               .version_length = Be16(static_cast<std::uint16_t>(size)),
               .flags = Be32(std::uint32_t{record.flags}),
               .state = Be16(std::uint16_t{record.state}),
               .client_port = record.client.port,
               .virtual_port = record.virtual_service.port,
               .server_port = record.server.port,
               .mark = Be32(record.mark.value()),
               .timeout = Be32(record.timeout)});
    const IpAddress& client = record.client.address;
    const IpAddress& virtual_service = record.virtual_service.address;
    const IpAddress& server = record.server.address;
    if (ipv6)
        put_addresses(client.v6(), virtual_service.v6(), server.v6());
    else
        put_addresses(client.v4(), virtual_service.v4(), server.v4());
    put_options(record);
}

void SyncMessageWriter::put_options(const SyncRecord& record) {
    const auto put_head = [this](Option option, std::size_t length) {
        put(option);
        put(static_cast<std::uint8_t>(length));
    };
    const auto put_bytes = [this](std::span<const std::byte> bytes) {
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    };
    if (record.has(sync_flag::sequences)) {
        put_head(Option::sequences, sizeof(Sequences1));
        for (const std::uint32_t number : sequences_of(record)) put(Be32(number));
    }
    if (record.engine_data.empty()) return;
    put_head(Option::engine_data, record.engine_data.size());
    put_bytes(record.engine_data);
    put_head(Option::engine_name, record.engine.size());
    put_bytes(std::as_bytes(std::span(record.engine)));
}

}  // namespace shunt
