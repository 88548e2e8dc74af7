// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of sync/message_reader.h and sync/message_writer.h. Whatever comes in, the records
// are of the kind that may be used, their views lie inside the datagram, and what is written of
// them reads as the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <vector>

#include "sync/message_reader.h"
#include "sync/message_writer.h"

namespace {

using namespace shunt;

void check(bool good) {
    if (!good) std::abort();
}

bool same(const SyncRecord& a, const SyncRecord& b) {
    return a.client == b.client && a.virtual_service == b.virtual_service && a.server == b.server &&
           a.protocol == b.protocol && a.state == b.state && a.flags == b.flags &&
           a.mark == b.mark && a.timeout == b.timeout && a.engine == b.engine &&
           std::ranges::equal(a.engine_data, b.engine_data) &&
           (!a.has(sync_flag::sequences) || a.sequence == b.sequence);
}

void check_record(const SyncRecord& record, std::span<const std::byte> message) {
    check((record.flags & ~sync_flag::kept) == 0);
    check(record.state < 14);
    check(record.client.address.family() == record.server.address.family());
    check(record.client.address.family() == record.virtual_service.address.family());
    check(record.engine.empty() == record.engine_data.empty());
    if (record.engine_data.empty()) return;
    const std::less_equal<const std::byte*> before;
    check(before(message.data(), record.engine_data.data()));
    check(before(record.engine_data.data() + record.engine_data.size(),
                 message.data() + message.size()));
}

void check_round(const SyncRecord& record) {
    SyncMessageWriter writer(SyncVersion::v1, 1, 1472);
    check(writer.add(record) == SyncMessageWriter::Added::yes);
    const auto again = writer.take();
    SyncFaults faults{};
    SyncMessageReader reader(again, 1, faults);
    const auto back = reader.next();
    check(back && same(*back, record) && !reader.next() && faults == SyncFaults{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Most inputs would have another size than they say.
    std::vector<std::uint8_t> bytes(data, data + size);
    if (size >= 4) {
        bytes[2] = static_cast<std::uint8_t>(size >> 8);
        bytes[3] = static_cast<std::uint8_t>(size);
    }
    const auto message = std::as_bytes(std::span(bytes));
    SyncFaults faults{};
    SyncMessageReader reader(message, 0, faults);
    while (const auto record = reader.next()) {
        check_record(*record, message);
        check_round(*record);
    }
    return 0;
}
