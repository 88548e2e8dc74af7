// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/top.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <ostream>
#include <stdexcept>

#include "shuntctl/nearest_word.h"
#include "shuntctl/pages.h"
#include "shuntctl/table.h"
#include "shuntctl/watch.h"

namespace shunt::cli {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr const char* keys_line =
    "s services  d servers  w workers   < > sorted by   r reverse   q quit\n";

const char* method_of(TopView view) {
    return view == TopView::workers ? "worker.list" : "service.list";
}

class Top {
  public:
    Top(const TopOptions& options, const TopWorld& world) : options_(options), world_(world) {
        order_.reversed = options.reversed;
        show(options.view);
        if (options.sort.empty()) return;
        const auto& titles = top_titles(view_);
        const auto column = titles.find(options.sort);
        if (!column)
            throw std::invalid_argument('"' + options.sort + "\" is no column; there are " +
                                        or_list(titles.all()));
        order_.column = *column;
    }

    void run() {
        if (options_.json) return print_json();
        const bool keys = !options_.once && world_.terminal.size() && world_.terminal.take_keys();
        for (bool first = true;; first = false) {
            look();
            // One look has no rates of its own.
            if (keys || !first) print(keys);
            if ((options_.once && !first) || !world_.out || !wait(keys)) return;
        }
    }

  private:
    void show(TopView view) {
        view_ = view;
        order_.column = top_titles(view).words.size();
    }

    json::value call(const char* method) {
        if (!call_) call_ = world_.connect();
        return call_whole(call_, method, {});
    }

    /// Asks the daemon for what the view and the summary need.
    void look() {
        note_.clear();
        try {
            const auto workers = call("worker.list");
            const auto services = view_ == TopView::workers ? json::value() : call("service.list");
            const std::chrono::duration<double> now = Clock::now().time_since_epoch();
            meter_.begin(now.count());
            workers_ = worker_lines(workers, meter_);
            if (view_ != TopView::workers) {
                // Both, so that the other view has rates as soon as it is chosen.
                const auto rows = service_rows(services);
                services_ = service_lines(rows, meter_);
                servers_ = server_lines(rows, meter_);
            }
            meter_.end();
            was_there_ = true;
        } catch (const Unreachable& error) {
            if (!was_there_ || options_.once) throw;
            call_ = nullptr;
            note_ = std::string("shuntctl: ") + error.what() + "; trying again\n";
        }
    }

    std::vector<TopLine>& lines() {
        return view_ == TopView::services  ? services_
               : view_ == TopView::servers ? servers_
                                           : workers_;
    }

    void print(bool keys) {
        const auto size = world_.terminal.size();
        if (!note_.empty() && !keys) {
            world_.err << note_ << std::flush;
            return;
        }
        // Of the summary, the note, the titles, what does not fit, and the keys.
        const std::size_t other_lines = note_.empty() ? 6 : 9;
        const auto rows =
            size && keys ? std::max(size->rows, other_lines + 1) - other_lines : lines().size();
        const auto width = size ? size->columns : 0;
        auto shown = lines();
        sort_lines(shown, order_);
        const auto text = fold(top_summary(workers_) + note_, width) +
                          top_table(view_, shown, order_, width, rows);
        if (keys)
            world_.out << redraw(text + keys_line, *size);
        else
            world_.out << text << (options_.once ? "" : "\n");
        world_.out.flush();
    }

    /// Until it is time for another look. False when it is to end.
    bool wait(bool keys) {
        const auto end = Clock::now() + options_.every;
        for (;;) {
            const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
            if (left.count() <= 0) return true;
            char key = 0;
            const auto wake = world_.terminal.wait(left, key);
            if (wake == Terminal::Wake::end) return false;
            if (wake == Terminal::Wake::time && Clock::now() >= end) return true;
            if (wake == Terminal::Wake::key) {
                if (key == 'q' || key == 'Q') return false;
                const auto before = view_;
                obey(key);
                if (before == TopView::workers && view_ != before) return true;
            }
            if (keys) print(keys);
        }
    }

    void obey(char key) {
        const auto columns = top_titles(view_).all().size();
        if (key == 's') show(TopView::services);
        if (key == 'd') show(TopView::servers);
        if (key == 'w') show(TopView::workers);
        if (key == 'r') order_.reversed = !order_.reversed;
        if (key == '<' || key == ',') order_.column = (order_.column + columns - 1) % columns;
        if (key == '>' || key == '.') order_.column = (order_.column + 1) % columns;
    }

    void print_json() {
        char key = 0;
        do world_.out << json::serialize(call(method_of(view_))) << std::endl;
        while (!options_.once && world_.out &&
               world_.terminal.wait(options_.every, key) != Terminal::Wake::end);
    }

    const TopOptions& options_;
    const TopWorld& world_;
    Call call_;
    bool was_there_ = false;
    TopView view_{};
    TopOrder order_;
    RateMeter meter_;
    std::vector<TopLine> services_;
    std::vector<TopLine> servers_;
    std::vector<TopLine> workers_;
    std::string note_;
};

}  // namespace

void run_top(const TopOptions& options, const TopWorld& world) {
    Top(options, world).run();
}

}  // namespace shunt::cli
