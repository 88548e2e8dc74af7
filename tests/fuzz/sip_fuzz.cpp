// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of net/sip_call_id.h. What it finds is a part of the message, of the length and the
// characters that a Call-ID may have, with the end of a line behind it; and it does not hang on
// what comes after that.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "net/sip_call_id.h"

namespace {

void check(bool good) {
    if (!good) std::abort();
}

bool is_printable(std::byte b) {
    const auto c = std::to_integer<unsigned char>(b);
    return c > ' ' && c < 0x7F;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = std::as_bytes(std::span(data, size));
    const auto found = shunt::sip_call_id(shunt::PacketReader(message));
    if (found.empty()) return 0;
    check(found.size() <= shunt::longest_call_id);
    check(!std::less<>{}(found.data(), message.data()));
    const auto end = static_cast<std::size_t>(found.data() - message.data()) + found.size();
    check(end < size && (data[end] == '\r' || data[end] == '\n'));
    check(std::all_of(found.begin(), found.end(), is_printable));
    check(std::count(found.begin(), found.end(), std::byte{'@'}) <= 1);
    const auto again = shunt::sip_call_id(shunt::PacketReader(message.first(end + 1)));
    check(again.data() == found.data() && again.size() == found.size());
    return 0;
}
