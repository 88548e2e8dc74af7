// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/watch.h"

#include <ostream>
#include <sstream>

#include "shuntctl/rpc_client.h"
#include "shuntctl/table.h"

namespace shunt::cli {

std::string redraw(const std::string& text, const TerminalSize& size) {
    static constexpr const char* home = "\x1b[H";
    static constexpr const char* clear_line_end = "\x1b[K";
    static constexpr const char* clear_below = "\x1b[J";
    std::string screen = home;
    std::istringstream lines(text);
    std::size_t count = 0;
    for (std::string line; count + 1 < size.rows && std::getline(lines, line); ++count)
        screen += line.substr(0, size.columns) + clear_line_end + '\n';
    return screen + clear_below;
}

void run_watch(const Watch& watch) {
    bool was_there = false;
    bool is_gone = false;
    char key = 0;
    for (std::string last;;) {
        std::string note;
        try {
            last = watch.frame();
            was_there = true;
            is_gone = false;
        } catch (const Unreachable& error) {
            if (!was_there) throw;
            note = std::string("shuntctl: ") + error.what() + "; trying again\n";
            watch.reconnect();
        }
        if (const auto size = watch.terminal.size())
            watch.out << redraw(fold(note, size->columns) + last, *size);
        else if (note.empty())
            watch.out << last << '\n';
        else if (!is_gone)
            watch.err << note << std::flush;
        is_gone = !note.empty();
        watch.out.flush();
        if (!watch.out || watch.terminal.wait(watch.every, key) == Terminal::Wake::end) return;
    }
}

}  // namespace shunt::cli
