// SPDX-License-Identifier: BSD-3-Clause
// Fuzz target of ctl/health/http_answer.h. The first byte says how the rest is cut: an answer is
// the same in whatever pieces it comes, ends within the bound, has a status of HTTP when it is done
// and a reason when it is broken, and does not change after its end.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "ctl/health/http_answer.h"

namespace {

using shunt::ctl::HttpAnswer;
using State = HttpAnswer::State;

void check(bool good) {
    if (!good) std::abort();
}

void check_same(const HttpAnswer& a, const HttpAnswer& b) {
    check(a.state() == b.state());
    check(a.problem() == b.problem());
    if (a.state() == State::done) check(a.status() == b.status());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] % 31 + std::size_t{1};
    const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
    HttpAnswer whole;
    whole.take(bytes);
    HttpAnswer pieces;
    for (std::size_t at = 0; at < bytes.size(); at += piece) pieces.take(bytes.substr(at, piece));
    check_same(whole, pieces);
    if (whole.state() == State::more) {
        check(bytes.size() <= HttpAnswer::longest_header);
        check(whole.problem().empty());
        return 0;
    }
    if (whole.state() == State::done) check(whole.status() >= 200 && whole.status() <= 599);
    check((whole.state() == State::broken) == !whole.problem().empty());
    HttpAnswer later = whole;
    later.take("HTTP/1.1 200 OK\r\n\r\n");
    check_same(whole, later);
    return 0;
}
