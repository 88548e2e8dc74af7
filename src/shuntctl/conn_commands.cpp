// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/conn_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <string>
#include <vector>

#include "shuntctl/command_tables.h"
#include "shuntctl/progress.h"
#include "shuntctl/rows.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

constexpr std::int64_t connections_a_page = 10000;

}  // namespace

void ConnCommands::add_to(CommandTree& tree) {
    const auto list = [this] { list_connections(); };
    auto* const conn =
        tree.noun("conn", "connections, and the templates of persistent services", list);
    const auto filtered = [this](CLI::App* app) {
        service_.add_to(*app, ServiceArgs::Names::service_if_any);
        filter_.add_to(*app);
        return app;
    };
    filtered(tree.verb(conn, "list", "show them, or those that match all that is given", list,
                       "shuntctl conn list tcp 192.0.2.10:80 --client 198.51.100.0/24 --limit 20"))
        ->add_option("--limit", limit_, "at most so many, 0: all; default 1000")
        ->check(CLI::NonNegativeNumber)
        ->type_name("NUMBER");
    filtered(
        tree.verb(conn, "count", "count them, or those that match",
                  context_.ask("conn.count", tally_text, [this] { return connection_params(); }),
                  "shuntctl conn count --state SYN_RECV"));
    name_.add_to(
        *tree.verb(conn, "find", "show one",
                   context_.ask("conn.find", found_text, [this] { return name_.params(); }),
                   "shuntctl conn find tcp 198.51.100.7:40000 192.0.2.10:80"));
    filtered(tree.verb(conn, "flush", "end those that match, or all",
                       context_.ask("conn.flush", tally_text,
                                    [this] {
                                        auto params = connection_params();
                                        if (all_) params["all"] = true;
                                        return params;
                                    }),
                       "shuntctl conn flush --server 10.1.0.11:80 --idle 60"))
        ->add_flag("--all", all_, "all of them; then nothing else may be given");
}

json::object ConnCommands::connection_params() const {
    json::object params;
    filter_.put_into(params, service_);
    return params;
}

void ConnCommands::list_connections() {
    std::vector<ConnectionRow> rows;
    Progress progress(context_.world().err, context_.world().progress);
    json::object params = connection_params();
    for (std::int64_t left = limit_ != 0 ? limit_ : INT64_MAX; left > 0;) {
        params["limit"] = std::min(left, connections_a_page);
        const auto page = context_.call("conn.list", params);
        if (context_.as_json()) {
            context_.out() << json::serialize(page) << '\n';
            left -= static_cast<std::int64_t>(member_rows(page, "connections").size());
        } else {
            const auto more = connection_rows(page);
            rows.insert(rows.end(), more.begin(), more.end());
            left -= static_cast<std::int64_t>(more.size());
        }
        progress.tell(std::to_string(rows.size()) + " connections");
        const auto cursor = member_word(page, "cursor");
        if (cursor.empty()) break;
        params["cursor"] = cursor;
    }
    progress.clear();
    if (!context_.as_json()) context_.out() << connection_text(rows, context_.width());
}

}  // namespace shunt::cli
