// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/methods/paging.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>
#include <optional>

#include "ctl/config/config_text.h"

namespace shunt::ctl {

namespace {

namespace json = boost::json;

struct Page {
    std::size_t first = 0;
    std::optional<std::size_t> limit;
};

/// A cursor is the number of rows that were listed before.
std::size_t read_cursor(const Params& p) {
    const std::string_view text = p.text("cursor");
    std::size_t rows = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rows);
    if (error != std::errc{} || end != text.data() + text.size())
        p.fail("cursor", quote(text) + " is none that this method gave");
    return rows;
}

Page read_page(const Params& p) {
    constexpr std::uint64_t most_rows = 100'000;
    Page page;
    if (p.has_value("cursor")) page.first = read_cursor(p);
    if (p.has("limit")) page.limit = p.number("limit", 1, most_rows);
    return page;
}

void cut(json::object& result, const std::string& key, const Page& page) {
    json::array& rows = result.at(key).as_array();
    const std::size_t first = std::min(page.first, rows.size());
    const std::size_t wanted = page.limit.value_or(rows.size());
    const bool more = rows.size() - first > wanted;
    if (more) rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(first + wanted), rows.end());
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first));
    if (page.limit)
        result["cursor"] =
            more ? json::value(std::to_string(first + wanted)) : json::value(nullptr);
}

}  // namespace

Method paged(Method method, std::string key) {
    method.parameters.push_back({"limit"});
    method.parameters.push_back({"cursor"});
    method.handler = [whole = std::move(method.handler), key = std::move(key)](
                         const Params& p, const Respond& respond) {
        const Page page = read_page(p);
        whole(p, [key, page, respond](Reply reply) {
            if (auto* result = std::get_if<json::value>(&reply))
                cut(result->as_object(), key, page);
            respond(std::move(reply));
        });
    };
    return method;
}

}  // namespace shunt::ctl
