// SPDX-License-Identifier: BSD-3-Clause
#include "conn/sctp_state.h"

namespace shunt {

namespace {

[[maybe_unused]] constexpr auto NO = SctpState::none;
constexpr auto I1 = SctpState::init1;
constexpr auto IN = SctpState::init;
constexpr auto CS = SctpState::cookie_sent;
constexpr auto CR = SctpState::cookie_replied;
constexpr auto CW = SctpState::cookie_wait;
constexpr auto CO = SctpState::cookie;
constexpr auto CE = SctpState::cookie_echoed;
constexpr auto ES = SctpState::established;
constexpr auto SS = SctpState::shutdown_sent;
constexpr auto SR = SctpState::shutdown_received;
constexpr auto SA = SctpState::shutdown_ack_sent;
constexpr auto RJ = SctpState::rejected;
constexpr auto CL = SctpState::closed;

constexpr std::array<std::string_view, sctp_state_count> names = {
    "NONE",     "INIT1",       "INIT",   "C-SENT",     "C-REPLIED",  "C-WAIT",   "COOKIE",
    "C-ECHOED", "ESTABLISHED", "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED"};

}  // namespace

// [side][event][state]; the columns are the states in the order of their numbers.
// clang-format off
constexpr SctpTransitions sctp_transitions = {{
    {{  // from the client
    //                      NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL
    /* DATA              */ {ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* INIT              */ {I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN},
    /* INIT-ACK          */ {CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* COOKIE-ECHO       */ {CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* COOKIE-ACK        */ {ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL},
    /* SHUTDOWN          */ {SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL},
    /* SHUTDOWN-ACK      */ {CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL},
    /* SHUTDOWN-COMPLETE */ {CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL},
    /* ERROR             */ {CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL},
    /* ABORT             */ {CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
    {{  // from the server
    /* DATA              */ {ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* INIT              */ {CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW},
    /* INIT-ACK          */ {CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* COOKIE-ECHO       */ {CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL},
    /* COOKIE-ACK        */ {ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL},
    /* SHUTDOWN          */ {SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL},
    /* SHUTDOWN-ACK      */ {SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL},
    /* SHUTDOWN-COMPLETE */ {CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* ERROR             */ {CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* ABORT             */ {CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
    {{  // only the client is seen
    /* DATA              */ {ES, I1, IN, CS, CR, ES, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* INIT              */ {I1, IN, IN, IN, IN, IN, CO, CE, ES, SS, SR, SA, IN, IN},
    /* INIT-ACK          */ {CE, CE, CE, CE, CE, CE, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* COOKIE-ECHO       */ {ES, ES, ES, ES, ES, ES, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* COOKIE-ACK        */ {ES, I1, IN, ES, ES, CW, ES, ES, ES, SS, SR, SA, RJ, CL},
    /* SHUTDOWN          */ {SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL},
    /* SHUTDOWN-ACK      */ {CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL},
    /* SHUTDOWN-COMPLETE */ {CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, CL, CL, RJ, CL},
    /* ERROR             */ {CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* ABORT             */ {CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
}};
// clang-format on

std::string_view sctp_state_name(SctpState s) noexcept {
    return names[static_cast<std::size_t>(s)];
}

}  // namespace shunt
