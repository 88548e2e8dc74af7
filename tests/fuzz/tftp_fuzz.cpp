// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of app/tftp/request.h: what is taken for a request is what a plain reading of RFC
// 1350 5 has for one.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "app/tftp/request.h"

namespace {

/// The datagram cut at its zero bytes; what is behind the last one is no text.
bool is_request(const std::string& datagram) {
    if (datagram.size() < 2 || datagram[0] != 0 || (datagram[1] != 1 && datagram[1] != 2))
        return false;
    std::vector<std::string> texts{""};
    for (const char c : datagram.substr(2))
        if (c == 0)
            texts.emplace_back();
        else
            texts.back() += c;
    return texts.size() > 2 && !texts[0].empty() && !texts[1].empty();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    if (shunt::tftp::is_request(bytes) == is_request(std::string(data, data + size))) return 0;
    std::fprintf(stderr, "not as RFC 1350 has it\n");
    std::abort();
}
