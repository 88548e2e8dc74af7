// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "ctl/log/log_line.h"

namespace shunt::ctl {

namespace {

/// What DPDK writes, line by line: to our log, and kept for error messages.
class DpdkLog {
  public:
    static DpdkLog& instance() {
        static DpdkLog log;
        return log;
    }
    DpdkLog(const DpdkLog&) = delete;
    DpdkLog& operator=(const DpdkLog&) = delete;

    [[nodiscard]] std::string take_error() { return std::exchange(error_, {}); }

  private:
    DpdkLog() {
        const cookie_io_functions_t functions{
            .read = nullptr, .write = &DpdkLog::write, .seek = nullptr, .close = nullptr};
        FILE* stream = fopencookie(this, "w", functions);
        if (stream == nullptr) throw StartError("cannot open a log stream: no memory");
        setlinebuf(stream);
        rte_openlog_stream(stream);
    }

    static ssize_t write(void* self, const char* text, std::size_t size) {
        static_cast<DpdkLog*>(self)->add({text, size});
        return static_cast<ssize_t>(size);
    }

    void add(std::string_view text) {
        line_ += text;
        for (auto end = line_.find('\n'); end != std::string::npos; end = line_.find('\n')) {
            const std::string line = line_.substr(0, end);
            line_.erase(0, end + 1);
            write_log(spdlog::level::debug, "dpdk", {{"text", line}});
            if (tells_of_failure(line)) error_ = line;
        }
    }

    static bool tells_of_failure(const std::string& line) {
        for (const char* word :
             {"annot", "ailed", "rror", "nable", "ould not", "enied", "busy", "nvalid"})
            if (line.find(word) != std::string::npos) return true;
        return false;
    }

    std::string line_;
    std::string error_;
};

std::vector<unsigned> own_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<unsigned> cpus;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    if (cpus.empty()) cpus.push_back(0);
    return cpus;
}

/// Lcore 0 is the control thread. Lcores need no CPU of their own: so several workers run on a
/// small machine.
std::string lcore_map(const Eal::Options& options) {
    const std::string floating = fmt::format("({})", fmt::join(own_cpus(), ","));
    std::string map = fmt::format("0@{}", floating);
    for (unsigned w = 0; w < options.workers; ++w)
        map += fmt::format(
            ",{}@{}", w + 1,
            options.worker_cpus.empty() ? floating : std::to_string(options.worker_cpus[w]));
    return map;
}

std::vector<std::string> arguments(const Eal::Options& options) {
    std::vector<std::string> words{"shuntd", "--no-telemetry", "--lcores=" + lcore_map(options)};
    if (options.memory == MemoryMode::huge_pages) {
        words.emplace_back("--in-memory");
    } else {
        words.emplace_back("--no-huge");
        words.emplace_back("--no-shconf");
        words.emplace_back("-m");
        words.emplace_back(std::to_string(options.memory_mb));
    }
    if (options.pci_devices.empty()) {
        words.emplace_back("--no-pci");
        words.emplace_back("--iova-mode=va");
    }
    for (const auto& device : options.pci_devices) words.emplace_back("--allow=" + device);
    return words;
}

}  // namespace

std::uint32_t free_huge_memory_mb() {
    std::uint64_t kilobytes = 0;
    std::error_code ignored;
    for (const auto& size :
         std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", ignored)) {
        std::uint64_t page_kb = 0;
        std::uint64_t pages = 0;
        if (std::sscanf(size.path().filename().c_str(), "hugepages-%lukB", &page_kb) == 1 &&
            std::ifstream(size.path() / "free_hugepages") >> pages)
            kilobytes += page_kb * pages;
    }
    return static_cast<std::uint32_t>(kilobytes / 1024);
}

MemoryMode choose_memory_mode(HugePages wanted, std::uint32_t needed_mb) {
    if (wanted == HugePages::off) return MemoryMode::ordinary_pages;
    const std::uint32_t free_mb = free_huge_memory_mb();
    if (free_mb >= needed_mb) return MemoryMode::huge_pages;
    if (wanted == HugePages::on)
        throw StartError(fmt::format(
            "memory: {} MB of huge pages needed, {} MB free; reserve them with 'sysctl -w "
            "vm.nr_hugepages={}', or set memory.huge_pages = \"auto\"",
            needed_mb, free_mb, (needed_mb + 1) / 2 + 16));
    return MemoryMode::ordinary_pages;
}

Eal::Eal(const Options& options) {
    DpdkLog::instance();
    std::vector<std::string> words = arguments(options);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
        const int error = rte_errno;
        const std::string reason = last_dpdk_error();
        throw StartError(
            fmt::format("DPDK does not start: {}{}; {}", rte_strerror(error),
                        reason.empty() ? reason : fmt::format(" ({})", reason),
                        error == EACCES || error == EPERM
                            ? "run as root, or with the capabilities of the systemd unit"
                            : "look at the log with log.level = \"debug\""));
    }
}

Eal::~Eal() {
    rte_eal_cleanup();
}

std::string last_dpdk_error() {
    return DpdkLog::instance().take_error();
}

unsigned lcore_of(WorkerId worker) noexcept {
    return worker.value() + 1U;
}

}  // namespace shunt::ctl
