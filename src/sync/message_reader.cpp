// SPDX-License-Identifier: BSD-3-Clause
#include "sync/message_reader.h"

#include <cstring>
#include <utility>

#include "conn/sctp_state.h"
#include "conn/tcp_state.h"

namespace shunt {

namespace {

using namespace sync_layout;

constexpr std::string_view known_engine = "sip";
constexpr std::uint16_t template_states = 2;

/// How many states connections of the protocol can be in; 0: it is not balanced.
std::uint16_t states_of(std::uint8_t protocol) noexcept {
    switch (static_cast<Protocol>(protocol)) {
        case Protocol::tcp:
            return tcp_state_count;
        case Protocol::sctp:
            return sctp_state_count;
        case Protocol::udp:
            return 1;
        default:
            return 0;
    }
}

bool is_version1(PacketReader message) noexcept {
    const auto header = message.read<Header1>(0);
    return header && header->no_entries == 0 && header->version == 1 && header->zero == Be16();
}

void set_sequences(SyncRecord& out, const Sequences0& n) noexcept {
    out.sequence[static_cast<std::size_t>(Direction::from_client)] = {n[0], n[1], n[2]};
    out.sequence[static_cast<std::size_t>(Direction::from_server)] = {n[3], n[4], n[5]};
}

}  // namespace

SyncMessageReader::SyncMessageReader(std::span<const std::byte> message, std::uint8_t syncid,
                                     SyncFaults& faults) noexcept
    : message_(message), faults_(faults) {
    const auto header = message_.read<Header0>(0);
    if (!header || header->size.value() != message.size()) {
        fault(SyncFault::bad_size, Step::stop);
        return;
    }
    if (syncid != 0 && header->syncid != syncid) {
        fault(SyncFault::other_id, Step::stop);
        return;
    }
    version1_ = is_version1(message_);
    at_ = version1_ ? sizeof(Header1) : sizeof(Header0);
    left_ = version1_ ? message_.read<Header1>(0)->count : header->count;
}

std::optional<SyncRecord> SyncMessageReader::next() noexcept {
    while (left_ > 0) {
        --left_;
        SyncRecord record;
        const Step step = version1_ ? read1(record) : read0(record);
        if (step == Step::good) return record;
        if (step == Step::stop) left_ = 0;
    }
    return std::nullopt;
}

SyncMessageReader::Step SyncMessageReader::fault(SyncFault what, Step step) noexcept {
    ++faults_[static_cast<std::size_t>(what)];
    return step;
}

SyncMessageReader::Step SyncMessageReader::read0(SyncRecord& out) noexcept {
    const auto entry = message_.read<Entry0>(at_);
    if (!entry) return fault(SyncFault::bad_entry, Step::stop);
    at_ += sizeof(Entry0);
    const std::uint16_t flags = entry->flags.value();
    if ((flags & sync_flag::sequences) != 0) {
        const auto sequences = message_.fixed<sizeof(Sequences0)>(at_);
        if (!sequences) return fault(SyncFault::bad_entry, Step::stop);
        Sequences0 numbers;
        std::memcpy(numbers.data(), sequences->data(), sizeof(numbers));
        set_sequences(out, numbers);
        at_ += sizeof(numbers);
    }
    out.client = {entry->client, entry->client_port};
    out.virtual_service = {entry->virtual_address, entry->virtual_port};
    out.server = {entry->server, entry->server_port};
    return check(out, flags, entry->state.value(), entry->protocol);
}

SyncMessageReader::Step SyncMessageReader::read1(SyncRecord& out) noexcept {
    const auto entry = message_.read<Entry1>(at_);
    if (!entry || !message_.holds<sizeof(Entry1) + sizeof(Addresses<Ipv4Address>)>(at_))
        return fault(SyncFault::bad_entry, Step::stop);
    const std::size_t length = entry->version_length.value() & longest_entry;
    const bool known_version = entry->version_length.value() == length;
    const PacketReader whole = message_.sub(at_, length);
    if (!known_version || whole.size() != length) return fault(SyncFault::bad_entry, Step::stop);
    at_ += (length + 3) / 4 * 4;
    out.client.port = entry->client_port;
    out.virtual_service.port = entry->virtual_port;
    out.server.port = entry->server_port;
    out.mark = Mark(entry->mark.value());
    out.timeout = entry->timeout.value();
    const bool ipv6 = (entry->type & type_ipv6) != 0;
    const bool read = ipv6 ? read_addresses<Ipv6Address>(whole, out)
                           : entry->type == 0 && read_addresses<Ipv4Address>(whole, out);
    if (!read) return fault(SyncFault::bad_entry, Step::stop);
    const std::size_t options =
        sizeof(Entry1) + (ipv6 ? sizeof(Addresses<Ipv6Address>) : sizeof(Addresses<Ipv4Address>));
    std::uint32_t flags = entry->flags.value();
    const Step step = read_options(whole.sub(options), out, flags);
    if (step != Step::good) return step;
    return check(out, flags, entry->state.value(), entry->protocol);
}

template <class Address>
bool SyncMessageReader::read_addresses(PacketReader entry, SyncRecord& out) noexcept {
    const auto addresses = entry.read<Addresses<Address>>(sizeof(Entry1));
    if (!addresses) return false;
    out.client.address = addresses->client;
    out.virtual_service.address = addresses->virtual_address;
    out.server.address = addresses->server;
    return true;
}

/// What the options of an entry said.
struct SyncMessageReader::Options {
    bool sequences = false;
    bool data = false;
    bool name = false;
    bool unknown = false;

    /// Was there such an option before? It is noted.
    static bool again(bool& seen) noexcept { return std::exchange(seen, true); }

    /// False: the option cannot be.
    bool take(std::uint8_t type, PacketReader value, SyncRecord& out) noexcept {
        switch (static_cast<Option>(type & ~optional_bit)) {
            case Option::sequences: {
                const auto numbers = value.read<Sequences1>(0);
                if (again(sequences) || !numbers || value.size() != sizeof(Sequences1))
                    return false;
                set_sequences(out, {numbers->in_start.value(), numbers->in_delta.value(),
                                    numbers->in_previous.value(), numbers->out_start.value(),
                                    numbers->out_delta.value(), numbers->out_previous.value()});
                return true;
            }
            case Option::engine_data:
                out.engine_data = value.bytes();
                return !again(data);
            case Option::engine_name:
                out.engine = {reinterpret_cast<const char*>(value.bytes().data()), value.size()};
                return !again(name) && value.size() <= longest_engine_name;
            default:
                unknown = unknown || (type & optional_bit) == 0;
                return true;
        }
    }
};

SyncMessageReader::Step SyncMessageReader::read_options(PacketReader options, SyncRecord& out,
                                                        std::uint32_t& flags) noexcept {
    Options seen;
    while (options.size() > 0) {
        const auto type = options.read<std::uint8_t>(0);
        const auto length = options.read<std::uint8_t>(1);
        if (!length || *length == 0) return fault(SyncFault::bad_entry, Step::stop);
        const PacketReader value = options.sub(2, *length);
        if (value.size() != *length || !seen.take(*type, value, out))
            return fault(SyncFault::bad_entry, Step::stop);
        options = options.sub(2 + std::size_t{*length});
    }
    if (seen.unknown) return fault(SyncFault::unknown_option, Step::skip);
    if (!seen.data) out.engine = {};
    if (seen.data && out.engine != known_engine)
        return fault(SyncFault::unknown_engine, Step::skip);
    if (!seen.sequences) flags &= ~std::uint32_t{sync_flag::sequences};
    return Step::good;
}

SyncMessageReader::Step SyncMessageReader::check(SyncRecord& out, std::uint32_t flags,
                                                 std::uint16_t state,
                                                 std::uint8_t protocol) noexcept {
    out.flags = static_cast<std::uint16_t>(flags & sync_flag::kept);
    out.protocol = static_cast<Protocol>(protocol);
    out.state = static_cast<std::uint8_t>(state);
    if ((flags & sync_flag::one_packet) != 0 ||
        (out.is_template() && out.has(sync_flag::no_client_port)))
        return fault(SyncFault::bad_flags, Step::skip);
    const bool any_protocol = out.is_template() && out.protocol == Protocol::none;
    if (!any_protocol && states_of(protocol) == 0)
        return fault(SyncFault::unknown_protocol, Step::skip);
    if (state >= (out.is_template() ? template_states : states_of(protocol)))
        return fault(SyncFault::bad_state, Step::skip);
    return Step::good;
}

}  // namespace shunt
