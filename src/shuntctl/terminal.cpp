// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace shunt::cli {

namespace {

// A screen of its own without cursor, and back.
constexpr std::string_view enter_screen = "\x1b[?1049h\x1b[?25l";
constexpr std::string_view leave_screen = "\x1b[?25h\x1b[?1049l";

// For the signal handlers, which may use nothing else.
termios before;  ///< as the terminal was
termios during;  ///< as it is while keys are taken
volatile sig_atomic_t taken = 0;

void put(std::string_view text) {
    while (!text.empty()) {
        const auto written = write(STDOUT_FILENO, text.data(), text.size());
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

void give_back() {
    if (taken == 0) return;
    taken = 0;
    put(leave_screen);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void take() {
    tcsetattr(STDIN_FILENO, TCSANOW, &during);
    put(enter_screen);
    taken = 1;
}

/// Gives the terminal back, then does what the signal does without this handler.
void on_end(int signal) {
    const int error = errno;
    const bool was_taken = taken != 0;
    give_back();
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    struct sigaction mine {};
    sigaction(signal, &usual, &mine);
    raise(signal);
    sigset_t open;
    sigemptyset(&open);
    sigaddset(&open, signal);
    sigprocmask(SIG_UNBLOCK, &open, nullptr);
    // Only a stopped program comes to here, when it goes on.
    sigaction(signal, &mine, nullptr);
    if (was_taken) take();
    errno = error;
}

void on_resize(int) {}

void handle(int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
}

/// A number of the environment; 0 if it has none.
std::size_t environment(const char* name) {
    const char* const text = std::getenv(name);
    if (text == nullptr) return 0;
    const auto number = std::strtol(text, nullptr, 10);
    return number > 0 ? static_cast<std::size_t>(number) : 0;
}

}  // namespace

SystemTerminal::SystemTerminal() {
    // It cuts a wait short, and is kept for the next one when it comes between two.
    handle(SIGWINCH, on_resize);
    sigset_t resize;
    sigemptyset(&resize);
    sigaddset(&resize, SIGWINCH);
    sigprocmask(SIG_BLOCK, &resize, nullptr);
}

SystemTerminal::~SystemTerminal() {
    give_back();
}

std::optional<TerminalSize> SystemTerminal::size() const {
    winsize window{};
    if (isatty(STDOUT_FILENO) == 0) return std::nullopt;
    TerminalSize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col != 0 && window.ws_row != 0)
        size = {window.ws_col, window.ws_row};
    if (const auto columns = environment("COLUMNS"); columns != 0) size.columns = columns;
    if (const auto rows = environment("LINES"); rows != 0) size.rows = rows;
    return size;
}

Terminal::Wake SystemTerminal::wait(std::chrono::milliseconds time, char& key) {
    std::array<pollfd, 2> ends{{{STDOUT_FILENO, 0, 0}, {STDIN_FILENO, POLLIN, 0}}};
    const timespec limit{time.count() / 1000, time.count() % 1000 * 1000000};
    sigset_t open;
    sigprocmask(SIG_BLOCK, nullptr, &open);
    sigdelset(&open, SIGWINCH);
    const auto ready = ppoll(ends.data(), taken != 0 ? 2 : 1, &limit, &open);
    if (ready <= 0) return Wake::time;
    if ((ends[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return Wake::end;
    return read(STDIN_FILENO, &key, 1) == 1 ? Wake::key : Wake::end;
}

bool SystemTerminal::take_keys() {
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) return false;
    if (tcgetattr(STDIN_FILENO, &before) != 0) return false;
    during = before;
    during.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    during.c_cc[VMIN] = 1;
    during.c_cc[VTIME] = 0;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE})
        handle(signal, on_end);
    take();
    return true;
}

}  // namespace shunt::cli
