// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// What the commands of shuntctl have in common: the daemon that they ask, where they print, and the
// options that stand before any of them. One lives as long as the command line; the groups of
// commands hold references to it. One thread.
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "shuntctl/command_tree.h"
#include "shuntctl/commands.h"
#include "shuntctl/rpc_client.h"
#include "shuntctl/terminal.h"

namespace shunt::cli {

class CommandContext {
  public:
    using Do = CommandTree::Do;
    /// What a result looks like in lines of so many characters; 0: as long as they are.
    using Show = std::function<std::string(const boost::json::value& result, std::size_t width)>;
    using Params = std::function<boost::json::object()>;

    /// What `world` refers to outlives this.
    explicit CommandContext(const ShuntctlWorld& world);
    CommandContext(const CommandContext&) = delete;
    CommandContext& operator=(const CommandContext&) = delete;

    /// --socket, --json, --watch and --version.
    void add_to(CommandTree& tree);

    /// Connects before the first. Throws Refused or Unreachable.
    boost::json::value call(std::string_view method, const boost::json::object& params);
    /// What asks and prints; `show` is null for results that say nothing, and may do without the
    /// width. `params` is called when the command line has been read; empty: there are none.
    template <class Shows>
    Do ask(const char* method, Shows show, Params params = {}) {
        if constexpr (std::is_invocable_v<Shows, const boost::json::value&, std::size_t>)
            return asking(method, show, std::move(params));
        else if constexpr (std::is_invocable_v<Shows, const boost::json::value&>)
            return asking(
                method,
                [show](const boost::json::value& result, std::size_t) { return show(result); },
                std::move(params));
        else
            return asking(method, nullptr, std::move(params));
    }
    /// What `action` prints, again and again.
    void watch(const Do& action);

    /// Where commands print. What is watched is taken from here.
    [[nodiscard]] std::ostream& out() noexcept { return out_; }
    /// With the socket that was chosen and with a terminal.
    [[nodiscard]] const ShuntctlWorld& world() const noexcept { return world_; }
    /// Of the lines that fit; 0: all do.
    [[nodiscard]] std::size_t width() const;
    [[nodiscard]] bool as_json() const noexcept { return json_; }
    [[nodiscard]] bool watched() const noexcept { return watch_ != 0; }
    /// The file that the command line names; empty: none.
    [[nodiscard]] std::string& file() noexcept { return file_; }
    /// With what the command ends that was not refused.
    [[nodiscard]] int& status() noexcept { return status_; }

  private:
    Do asking(const char* method, Show show, Params params);

    std::ostream out_;  ///< to where the world's goes, or into the text of a watch
    Terminal no_terminal_;
    ShuntctlWorld world_;
    Call call_;
    bool json_ = false;
    double watch_ = 0;  ///< seconds; 0: not given
    std::string file_;
    int status_ = status_done;
};

}  // namespace shunt::cli
