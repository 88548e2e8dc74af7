// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the applications of a worker know of its connections, and count.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "app/app_table.h"
#include "app/expectation_table.h"
#include "app/ftp/control_channel.h"
#include "app/helper_pool.h"
#include "base/counter.h"

namespace shunt {

/// Of one FTP control connection. Plain data but for `control`, which names a link of this process.
struct FtpHelper {
    enum class Phase : std::uint8_t {
        begun,    ///< the client's SYN is not known
        called,   ///< it is, the server's is not
        running,  ///< `channel` is there
        synced,   ///< another balancer told of it; its first packet here says where it stands
    };
    Phase phase = Phase::begun;
    AppTable::Slot slot = 0;          ///< the incarnation that it was bound by
    std::uint32_t client_next = 0;    ///< behind the client's SYN; host byte order
    ControlRef control = no_control;  ///< from the first announcement on
    std::array<Be16, 2> window{};     ///< by Direction: the last one that its sender named
    std::array<std::uint32_t, 2> differences{};  ///< by Direction, when it is `synced`
    std::optional<ftp::ControlChannel> channel;
};

/// Of a connection that TFTP requests come on, which have no state beyond their datagram.
struct TftpHelper {
    AppTable::Slot slot = 0;
};

/// Counts of FtpCounters by name, in the order of their listing.
struct FtpCounterName {
    std::string_view name;
    std::uint64_t ftp::FtpCounters::*count;
};
inline constexpr std::array ftp_counter_names{
    FtpCounterName{"active", &ftp::FtpCounters::active},
    FtpCounterName{"active_foreign", &ftp::FtpCounters::active_foreign},
    FtpCounterName{"active_low_port", &ftp::FtpCounters::active_low_port},
    FtpCounterName{"active_malformed", &ftp::FtpCounters::active_malformed},
    FtpCounterName{"active_no_room", &ftp::FtpCounters::active_no_room},
    FtpCounterName{"passive", &ftp::FtpCounters::passive},
    FtpCounterName{"passive_foreign", &ftp::FtpCounters::passive_foreign},
    FtpCounterName{"passive_withheld", &ftp::FtpCounters::passive_withheld},
    FtpCounterName{"passive_unasked", &ftp::FtpCounters::passive_unasked},
    FtpCounterName{"passive_malformed", &ftp::FtpCounters::passive_malformed},
    FtpCounterName{"requests_forgotten", &ftp::FtpCounters::requests_forgotten},
    FtpCounterName{"lines_too_long", &ftp::FtpCounters::lines_too_long},
    FtpCounterName{"tls", &ftp::FtpCounters::tls},
    FtpCounterName{"tls_over", &ftp::FtpCounters::tls_over},
    FtpCounterName{"tls_lost", &ftp::FtpCounters::tls_lost},
};

struct AppCounters {
    std::array<Gauge, AppTable::most_incarnations> bound;  ///< connections, by slot
    std::array<Counter, ftp_counter_names.size()> ftp;
    Counter unhelped;          ///< connections for which no helper was left
    Counter tftp_requests;     ///< that a server was let answer from any port
    Counter data_connections;  ///< that had been announced
    Counter kept;              ///< times that data kept a control connection past its timeout

    void add(const ftp::FtpCounters& seen) noexcept {
        for (std::size_t i = 0; i < ftp.size(); ++i)
            if (const std::uint64_t n = seen.*ftp_counter_names[i].count; n != 0) ftp[i].add(n);
    }
};

/// Throws std::bad_alloc. Thread: the worker; its counters may be read by any.
struct AppState {
    /// Clients of TFTP use another port for each file, and their connections end by silence alone.
    static constexpr std::uint32_t tftp_share = 16;

    explicit AppState(std::uint32_t helpers)
        : ftp(helpers), tftp(helpers * tftp_share), scratch(scratch_bytes) {}

    /// What it takes when all helpers were used, but for the rounding to pages.
    [[nodiscard]] static constexpr std::uint64_t bytes_for(std::uint32_t helpers) noexcept {
        return HelperPool<FtpHelper>::bytes_for(helpers) +
               HelperPool<TftpHelper>::bytes_for(helpers * tftp_share) + scratch_bytes;
    }
    static constexpr std::size_t scratch_bytes = 0x10000;

    HelperPool<FtpHelper> ftp;
    HelperPool<TftpHelper> tftp;
    PageArray<std::byte> scratch;  ///< for data that lies in several buffers; untouched until then
    AppCounters counters;
};

}  // namespace shunt
