// SPDX-License-Identifier: BSD-3-Clause
#include "conn/tcp_state.h"

namespace shunt {

namespace {

constexpr auto ES = TcpState::established;
constexpr auto SS = TcpState::syn_sent;
constexpr auto SR = TcpState::syn_recv;
constexpr auto FW = TcpState::fin_wait;
constexpr auto TW = TcpState::time_wait;
constexpr auto CL = TcpState::close;
constexpr auto CW = TcpState::close_wait;
constexpr auto LA = TcpState::last_ack;
constexpr auto LI = TcpState::listen;
constexpr auto SA = TcpState::synack;

constexpr std::array<std::string_view, tcp_state_count> names = {
    "NONE",  "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
    "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "SYNACK"};

}  // namespace

// [side][event][state]; the columns are the states in the order of their numbers.
// clang-format off
constexpr TcpTransitions tcp_transitions = {{
    {{  // from the client
    //        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA
    /* SYN */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
    /* FIN */ {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW},
    /* ACK */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
    /* RST */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR},
    /* ..  */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
    {{  // from the server
    /* SYN */ {SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR},
    /* FIN */ {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
    /* ACK */ {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
    /* RST */ {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL},
    /* ..  */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
    {{  // only the client is seen
    /* SYN */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
    /* FIN */ {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
    /* ACK */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
    /* RST */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
    /* ..  */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
}};

constexpr TcpTransitions tcp_secure_transitions = {{
    {{  // from the client
    //        NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA
    /* SYN */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA},
    /* FIN */ {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA},
    /* ACK */ {ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA},
    /* RST */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
    /* ..  */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
    {{  // from the server
    /* SYN */ {SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA},
    /* FIN */ {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
    /* ACK */ {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
    /* RST */ {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL},
    /* ..  */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
    {{  // only the client is seen
    /* SYN */ {SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA},
    /* FIN */ {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
    /* ACK */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
    /* RST */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
    /* ..  */ {CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    }},
}};
// clang-format on

std::string_view tcp_state_name(TcpState s) noexcept {
    return names[static_cast<std::size_t>(s)];
}

}  // namespace shunt
