// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// A request that the control plane refuses: JSON-RPC code, sentence, the place in the request and
// the errno that IPVS gives in the same case (docs/protocol.md). Nothing has changed when it is
// thrown. Thread: control.
#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

namespace shunt::ctl {

enum class RpcCode : int {
    not_json = -32700,
    not_a_request = -32600,
    no_such_method = -32601,
    bad_parameter = -32602,
    internal = -32603,  ///< our fault, memory ran out for instance
    refused = -32000,
    forbidden = -32001,  ///< the caller has no right to it
};

/// what() is the sentence, on one line whatever of the request it repeats.
class RpcError : public std::runtime_error {
  public:
    /// `path`: dotted, such as "service.address"; empty when no single place is to blame.
    /// `error_number`: an errno value; 0: none is given.
    RpcError(RpcCode code, const std::string& sentence, std::string path, int error_number)
        : std::runtime_error(one_line(sentence)),
          code_(code),
          path_(std::move(path)),
          error_number_(error_number) {}

    [[nodiscard]] RpcCode code() const noexcept { return code_; }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] int error_number() const noexcept { return error_number_; }

  private:
    static std::string one_line(std::string text) {
        std::ranges::replace_if(
            text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }, '?');
        return text;
    }

    RpcCode code_;
    std::string path_;
    int error_number_;
};

/// What the registry and the handlers throw for a request that is understood but cannot be.
inline RpcError refused(int error_number, const std::string& sentence, std::string path) {
    return {RpcCode::refused, sentence, std::move(path), error_number};
}

/// What a caller is answered who has not the right to what is asked.
inline RpcError forbidden(const std::string& sentence) {
    return {RpcCode::forbidden, sentence, "", EPERM};
}

}  // namespace shunt::ctl
