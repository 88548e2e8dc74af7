// SPDX-License-Identifier: BSD-3-Clause
#include "ctl/device/quiet_device.h"

#include <fcntl.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace shunt::ctl {

namespace {

/// Runs nft commands; returns nothing, or the first line of what is wrong.
std::optional<std::string> run_nft(const std::string& commands) {
    struct Free {
        void operator()(nft_ctx* context) const noexcept { nft_ctx_free(context); }
    };
    const std::unique_ptr<nft_ctx, Free> context(nft_ctx_new(NFT_CTX_DEFAULT));
    if (context == nullptr) return "libnftables does not start";
    nft_ctx_buffer_output(context.get());
    nft_ctx_buffer_error(context.get());
    if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0) return {};
    const std::string text = nft_ctx_get_error_buffer(context.get());
    return text.empty() ? "nft refused it" : text.substr(0, text.find('\n'));
}

std::string table_of(const std::string& interface) {
    return "netdev shunt_" + interface;
}

/// A chain without rules says, also to a process after this one, that IPv6 was on before.
constexpr const char* ipv6_was_on = "ipv6_was_on";

/// Whether the name may stand in a rule as it is.
bool is_plain(const std::string& name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
    });
}

/// The interface's switch of IPv6, one character in a file: '1' is off.
class Ipv6Switch {
  public:
    explicit Ipv6Switch(const std::string& interface)
        : file_(::open(("/proc/sys/net/ipv6/conf/" + interface + "/disable_ipv6").c_str(),
                       O_RDWR | O_CLOEXEC)),
          error_(file_ < 0 ? errno : 0) {}
    ~Ipv6Switch() {
        if (file_ >= 0) ::close(file_);
    }
    Ipv6Switch(const Ipv6Switch&) = delete;
    Ipv6Switch& operator=(const Ipv6Switch&) = delete;

    /// Why it cannot be had, or 0. ENOENT: no such interface, or a kernel without IPv6.
    [[nodiscard]] int error() const { return error_; }
    [[nodiscard]] bool is_off() const {
        char value = '0';
        return ::pread(file_, &value, 1, 0) == 1 && value == '1';
    }
    [[nodiscard]] bool set_off(bool off) const {
        return ::pwrite(file_, off ? "1" : "0", 1, 0) == 1;
    }

  private:
    int file_;
    int error_;
};

/// The value of `key` in a device string "driver,key=value,...".
std::optional<std::string> argument(std::string_view device, std::string_view key) {
    while (!device.empty()) {
        const auto word = device.substr(0, device.find(','));
        device.remove_prefix(std::min(device.size(), word.size() + 1));
        if (word.size() > key.size() + 1 && word.starts_with(key) && word[key.size()] == '=')
            return std::string(word.substr(key.size() + 1));
    }
    return {};
}

}  // namespace

std::optional<std::string> kernel_interface_of(std::string_view device) {
    if (device.starts_with("net_af_packet")) return argument(device, "iface");
    if (!device.starts_with("net_pcap")) return {};
    for (const auto* key : {"iface", "rx_iface", "rx_iface_in"})
        if (auto name = argument(device, key)) return name;
    return {};
}

QuietDevice::QuietDevice(std::string interface) : interface_(std::move(interface)) {
    if (!is_plain(interface_)) {
        add_problem("its name cannot stand in an nft rule");
        return;
    }
    if (if_nametoindex(interface_.c_str()) == 0) {
        add_problem("no such interface");  // newer kernels take rules for those too
        return;
    }
    restore_ipv6_ = !run_nft("list chain " + table_of(interface_) + ' ' + ipv6_was_on);
    switch_ipv6_off();
    drop_ingress();
}

QuietDevice::~QuietDevice() {
    if (dropping_) run_nft("delete table " + table_of(interface_));
    if (!restore_ipv6_) return;
    const Ipv6Switch ipv6(interface_);
    // The interface may be gone by now; then nothing is left to restore.
    if (ipv6.error() == 0) static_cast<void>(ipv6.set_off(false));
}

void QuietDevice::switch_ipv6_off() {
    const Ipv6Switch ipv6(interface_);
    if (ipv6.error() == ENOENT) return;
    const bool off = ipv6.error() == 0 && ipv6.is_off();
    if (off) return;
    if (ipv6.error() == 0 && ipv6.set_off(true))
        restore_ipv6_ = true;
    else
        add_problem(std::string("IPv6 cannot be switched off on it: ") +
                    std::strerror(ipv6.error() != 0 ? ipv6.error() : errno));
}

void QuietDevice::drop_ingress() {
    const std::string table = table_of(interface_);
    const std::string mark = std::string("chain ") + ipv6_was_on + " { }\n";
    // All at once: 'add' makes 'delete' succeed where there is no left-over.
    const auto error =
        run_nft("add table " + table + "\ndelete table " + table + "\ntable " + table +
                " {\nchain ingress { type filter hook ingress device \"" + interface_ +
                "\" priority -500; policy drop; }\n" + (restore_ipv6_ ? mark : "") + "}\n");
    dropping_ = !error;
    if (error) add_problem("the host's stack cannot be kept off it: " + *error);
}

void QuietDevice::add_problem(const std::string& sentence) {
    problem_ += (problem_.empty() ? interface_ + ": " : "; ") + sentence;
}

}  // namespace shunt::ctl
