// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// The words that the configuration and the control protocol have for values that are one of a few.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ctl/config/health_check.h"
#include "net/address.h"
#include "service/real_server.h"
#include "service/scheduler_flags.h"
#include "service/service_table.h"

namespace shunt::ctl {

/// In the order of the reference.
template <class E>
using Words = std::vector<std::pair<std::string, E>>;

/// What a server can have: not ForwardMethod::bypass.
inline const Words<ForwardMethod>& forward_words() {
    static const Words<ForwardMethod> words{{"nat", ForwardMethod::nat},
                                            {"direct", ForwardMethod::direct},
                                            {"tunnel", ForwardMethod::tunnel}};
    return words;
}

inline const Words<TunnelType>& tunnel_type_words() {
    static const Words<TunnelType> words{
        {"ipip", TunnelType::ipip}, {"gue", TunnelType::gue}, {"gre", TunnelType::gre}};
    return words;
}

inline const Words<TunnelChecksum>& tunnel_checksum_words() {
    static const Words<TunnelChecksum> words{{"none", TunnelChecksum::none},
                                             {"full", TunnelChecksum::full},
                                             {"remote", TunnelChecksum::remote}};
    return words;
}

inline const Words<Family>& family_words() {
    static const Words<Family> words{{"ipv4", Family::ipv4}, {"ipv6", Family::ipv6}};
    return words;
}

inline const Words<PersistenceEngine>& engine_words() {
    static const Words<PersistenceEngine> words{{"sip", PersistenceEngine::sip}};
    return words;
}

inline const Words<MaglevOrder>& maglev_order_words() {
    static const Words<MaglevOrder> words{{"added", MaglevOrder::added},
                                          {"address", MaglevOrder::address}};
    return words;
}

/// Of messages, the least important first.
inline const Words<std::string>& log_level_words() {
    static const Words<std::string> words{{"trace", "trace"},
                                          {"debug", "debug"},
                                          {"info", "info"},
                                          {"warn", "warn"},
                                          {"error", "error"}};
    return words;
}

inline const Words<CheckType>& check_type_words() {
    static const Words<CheckType> words{
        {"tcp", CheckType::tcp}, {"http", CheckType::http}, {"udp", CheckType::udp}};
    return words;
}

inline const Words<AllDown>& all_down_words() {
    static const Words<AllDown> words{{"refuse", AllDown::refuse}, {"use_all", AllDown::use_all}};
    return words;
}

/// What an operator can say of a server.
inline const Words<Health>& health_words() {
    static const Words<Health> words{{"up", Health::up}, {"down", Health::down}};
    return words;
}

/// The protocols of services.
inline const Words<Protocol>& protocol_words() {
    static const Words<Protocol> words{
        {"tcp", Protocol::tcp}, {"udp", Protocol::udp}, {"sctp", Protocol::sctp}};
    return words;
}

/// The flags of a scheduler (ipvs-behaviour 4.10); where one has two words, the first is listed.
inline Words<SchedulerFlag> scheduler_flag_words(std::string_view scheduler) {
    Words<SchedulerFlag> words;
    for (const char* hashing : {"sh", "mh"})
        if (scheduler == hashing)
            words = {{std::string(hashing) + "-fallback", flag_fallback},
                     {std::string(hashing) + "-port", flag_port}};
    if (scheduler == "conhash") words = {{"conhash-port", flag_port}};
    words.emplace_back("flag-1", SchedulerFlag::first);
    words.emplace_back("flag-2", SchedulerFlag::second);
    words.emplace_back("flag-3", SchedulerFlag::third);
    return words;
}

/// Nothing for a word that is not among them.
template <class E>
std::optional<E> find_word(const Words<E>& words, std::string_view word) {
    for (const auto& [known, value] : words)
        if (known == word) return value;
    return {};
}

/// Empty for a value that has no word.
template <class E>
std::string_view word_of(const Words<E>& words, E value) {
    for (const auto& [word, known] : words)
        if (known == value) return word;
    return {};
}

/// All of them for a sentence: "nat, direct, tunnel".
template <class E>
std::string list_words(const Words<E>& words) {
    std::string all;
    for (const auto& [word, value] : words) all += (all.empty() ? "" : ", ") + word;
    return all;
}

}  // namespace shunt::ctl
