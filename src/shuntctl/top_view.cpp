// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/top_view.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>
#include <limits>

#include "shuntctl/command_tables.h"
#include "shuntctl/table.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

// Places among the values of workers.
constexpr std::size_t busy = 0;
constexpr std::size_t received = 2;
constexpr std::size_t forwarded = 3;
constexpr std::size_t dropped = 6;
constexpr std::size_t connections = 7;

std::string upper_case(std::string text) {
    for (auto& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

/// The five rates of a service or server.
std::vector<double> five(const std::string& name, const StatsRow& stats, RateMeter& meter) {
    const auto& [counts, rates] = stats;
    auto values = meter.rates(name, {counts.connections, counts.packets_in, counts.packets_out,
                                     counts.bytes_in, counts.bytes_out});
    if (std::isnan(values[0]))
        values = {rates.connections, rates.packets_in, rates.packets_out, rates.bytes_in,
                  rates.bytes_out};
    return values;
}

bool is_share(TopView view, std::size_t value) {
    return view == TopView::workers && value == busy;
}

std::string cell(TopView view, std::size_t column, double value) {
    if (std::isnan(value)) return "-";
    return is_share(view, column) ? std::to_string(std::lround(value)) + '%' : short_number(value);
}

}  // namespace

std::optional<std::size_t> TopTitles::find(const std::string& title) const {
    const auto titles = all();
    const auto at = std::find(titles.begin(), titles.end(), upper_case(title));
    if (at == titles.end()) return std::nullopt;
    return static_cast<std::size_t>(at - titles.begin());
}

std::vector<std::string> TopTitles::all() const {
    auto titles = words;
    titles.insert(titles.end(), values.begin(), values.end());
    return titles;
}

const TopTitles& top_titles(TopView view) {
    static const std::vector<std::string> rates{"CPS",    "INPPS",  "OUTPPS",  "INBPS",
                                                "OUTBPS", "ACTIVE", "INACTIVE"};
    static const TopTitles services{{"SERVICE"}, rates};
    static const TopTitles servers{{"SERVER", "SERVICE"}, rates};
    static const TopTitles workers{
        {"WORKER", "CPU"},
        {"BUSY", "CYC/PKT", "RXPPS", "FWDPPS", "HANDED/S", "HOST/S", "DROPS/S", "CONNS"}};
    return view == TopView::services ? services : view == TopView::servers ? servers : workers;
}

void RateMeter::begin(double now) {
    passed_ = now - last_;
    last_ = now;
}

std::vector<double> RateMeter::rates(const std::string& name,
                                     const std::vector<std::uint64_t>& counts) {
    std::vector<double> rates(counts.size(), unknown);
    const auto before = before_.find(name);
    if (before != before_.end() && passed_ > 0)
        for (std::size_t i = 0; i < counts.size(); ++i) {
            const auto zeroed = counts[i] < before->second[i];
            const auto more = zeroed ? counts[i] : counts[i] - before->second[i];
            rates[i] = static_cast<double>(more) / passed_;
        }
    now_[name] = counts;
    return rates;
}

void RateMeter::end() {
    before_ = std::move(now_);
    now_.clear();
}

std::vector<TopLine> service_lines(const std::vector<ServiceRow>& services, RateMeter& meter) {
    std::vector<TopLine> lines;
    for (const auto& service : services) {
        const auto name = service_name(service);
        TopLine line{{name}, five(name, service.stats, meter)};
        double active = 0;
        double inactive = 0;
        for (const auto& server : service.servers) {
            active += static_cast<double>(server.active);
            inactive += static_cast<double>(server.inactive);
        }
        line.values.insert(line.values.end(), {active, inactive});
        lines.push_back(std::move(line));
    }
    return lines;
}

std::vector<TopLine> server_lines(const std::vector<ServiceRow>& services, RateMeter& meter) {
    std::vector<TopLine> lines;
    for (const auto& service : services) {
        const auto of = service_name(service);
        for (const auto& server : service.servers) {
            const auto name = to_string(server.address);
            TopLine line{{name, of}, five(of + " > " + name, server.stats, meter)};
            line.values.insert(line.values.end(), {static_cast<double>(server.active),
                                                   static_cast<double>(server.inactive)});
            lines.push_back(std::move(line));
        }
    }
    return lines;
}

std::vector<TopLine> worker_lines(const json::value& worker_list_result, RateMeter& meter) {
    std::vector<TopLine> lines;
    for (const auto& row : member_rows(worker_list_result, "workers")) {
        const auto name = member_text(row, "worker");
        std::vector<std::uint64_t> counts;
        for (const char* counter : {"received", "forwarded", "handed_off", "to_host", "dropped",
                                    "from_twin", "taken_over", "busy_cycles"})
            counts.push_back(member_count(row, counter));
        const auto rates = meter.rates("worker " + name, counts);
        // What a worker looks at: what comes by ports, from the host, and from other workers.
        const double packets = rates[0] + rates[5] + rates[6];
        const bool tells_cycles = member_text(row, "busy_cycles") != "-";
        const double cycles = tells_cycles && packets > 0 ? rates[7] / packets : unknown;
        lines.push_back({{name, member_text(row, "cpu")},
                         {100 * member_number(row, "busy"), cycles, rates[0], rates[1], rates[2],
                          rates[3], rates[4], member_number(row, "connections")}});
    }
    return lines;
}

void sort_lines(std::vector<TopLine>& lines, const TopOrder& order) {
    const auto before = [&order](const TopLine& a, const TopLine& b) {
        if (order.column < a.words.size()) {
            const auto& left = a.words[order.column];
            const auto& right = b.words[order.column];
            return order.reversed ? right < left : left < right;
        }
        const auto left = a.values[order.column - a.words.size()];
        const auto right = b.values[order.column - b.words.size()];
        if (std::isnan(left) || std::isnan(right)) return !std::isnan(left) && std::isnan(right);
        return order.reversed ? left < right : right < left;
    };
    std::stable_sort(lines.begin(), lines.end(), before);
}

std::string top_table(TopView view, const std::vector<TopLine>& lines, const TopOrder& order,
                      std::size_t width, std::size_t most) {
    const auto& titles = top_titles(view);
    std::vector<Table::Column> columns;
    for (const auto& title : titles.all()) {
        const auto place = columns.size();
        const bool words = place < titles.words.size() && view != TopView::workers;
        columns.push_back(
            {title + (place == order.column ? "*" : ""), words ? Align::left : Align::right});
    }
    Table table(std::move(columns));
    const auto shown = std::min(most, lines.size());
    for (std::size_t i = 0; i < shown; ++i) {
        auto cells = lines[i].words;
        for (std::size_t j = 0; j < lines[i].values.size(); ++j)
            cells.push_back(cell(view, j, lines[i].values[j]));
        table.add(std::move(cells));
    }
    auto text = table.text(width);
    if (shown < lines.size()) text += "and " + std::to_string(lines.size() - shown) + " more\n";
    return text;
}

std::string top_summary(const std::vector<TopLine>& workers) {
    const auto sum = [&workers](std::size_t value) {
        double all = 0;
        for (const auto& worker : workers) all += worker.values[value];
        return all;
    };
    const auto count = std::max<std::size_t>(1, workers.size());
    const auto text = [&](std::size_t value) { return cell(TopView::servers, value, sum(value)); };
    return std::to_string(workers.size()) + (workers.size() == 1 ? " worker " : " workers ") +
           std::to_string(std::lround(sum(busy) / static_cast<double>(count))) + "% busy, " +
           text(received) + " pps in, " + text(forwarded) + " forwarded, " + text(dropped) +
           " dropped, " + text(connections) + " conns\n";
}

}  // namespace shunt::cli
