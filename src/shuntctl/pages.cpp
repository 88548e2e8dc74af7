// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/pages.h"

#include <array>
#include <boost/json/array.hpp>
#include <utility>

#include "shuntctl/rows.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

struct LongList {
    std::string_view method;
    std::string_view rows;  ///< their name in the result
    int limit;
};

constexpr std::array long_lists{LongList{"service.list", "services", 500},
                                LongList{"mark.list", "rules", 10000},
                                LongList{"drop.list", "drops", 10000}};

const LongList* find_list(std::string_view method, const json::object& params) {
    if (params.contains("service")) return nullptr;
    for (const auto& list : long_lists)
        if (list.method == method) return &list;
    return nullptr;
}

/// Makes the parameters those of the next page; false: there is none.
bool turn_page(const json::value& page, const json::array& rows, json::object& params) {
    const auto* const result = page.if_object();
    const auto* const more = result == nullptr ? nullptr : result->if_contains("more");
    if (more != nullptr) {
        const auto* const last = rows.empty() ? nullptr : rows.back().if_object();
        const auto* const service = last == nullptr ? nullptr : last->if_contains("service");
        if (service != nullptr) params["after"] = *service;
        return service != nullptr && more->is_bool() && more->get_bool();
    }
    const auto cursor = member_word(page, "cursor");
    params["cursor"] = cursor;
    return !cursor.empty();
}

}  // namespace

json::value call_whole(const Call& call, std::string_view method, const json::object& params) {
    const LongList* const list = find_list(method, params);
    if (list == nullptr) return call(method, params);
    json::object wanted = params;
    wanted["limit"] = list->limit;
    json::array all;
    for (bool more = true; more;) {
        const auto page = call(method, wanted);
        const auto& rows = member_rows(page, list->rows);
        more = turn_page(page, rows, wanted);
        all.insert(all.end(), rows.begin(), rows.end());
    }
    return json::object{{list->rows, std::move(all)}};
}

}  // namespace shunt::cli
