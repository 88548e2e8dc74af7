// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/commands.h"

#include <CLI/Error.hpp>
#include <boost/json/value.hpp>
#include <ostream>
#include <stdexcept>
#include <string_view>

#include "ctl/config/config_text.h"
#include "shuntctl/command_context.h"
#include "shuntctl/completion.h"
#include "shuntctl/config_commands.h"
#include "shuntctl/conn_commands.h"
#include "shuntctl/health_commands.h"
#include "shuntctl/live_commands.h"
#include "shuntctl/machine_commands.h"
#include "shuntctl/mark_commands.h"
#include "shuntctl/nearest_word.h"
#include "shuntctl/packet_commands.h"
#include "shuntctl/rows.h"
#include "shuntctl/service_commands.h"
#include "shuntctl/shell_commands.h"
#include "shuntctl/stats_commands.h"
#include "shuntctl/sync_commands.h"
#include "shuntctl/tuning_commands.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

/// "--watch" may stand without a value; "--watch 5" and "--watch tcp ..." are told apart by that.
std::vector<std::string> with_watch_value(const std::vector<std::string>& args) {
    std::vector<std::string> words;
    for (std::size_t i = 0; i < args.size(); ++i) {
        words.push_back(args[i]);
        if (args[i] != "--watch") continue;
        const bool number = i + 1 < args.size() && !args[i + 1].empty() &&
                            args[i + 1].find_first_not_of("0123456789.") == std::string::npos;
        words.back() += '=' + (number ? args[++i] : std::string("2"));
    }
    return words;
}

/// The parameter that a refusal blames, unless its sentence names it.
std::string blamed(const Refused& refusal) {
    const bool told = refusal.path().empty() ||
                      std::string_view(refusal.what()).find(refusal.path()) != std::string::npos;
    return told ? "" : " (" + refusal.path() + ')';
}

/// Does a message begin with FILE:LINE: ?
bool is_place(std::string_view message) {
    const auto end = message.find(": ");
    const auto colon = message.substr(0, end).rfind(':');
    if (end == message.npos || colon == message.npos || colon == 0 || colon + 1 == end)
        return false;
    const auto line = message.substr(colon + 1, end - colon - 1);
    return line.find_first_not_of("0123456789") == line.npos;
}

/// The words of an array, or the names of its objects.
std::vector<std::string> member_words(const json::value& result, std::string_view name) {
    std::vector<std::string> words;
    for (const auto& row : member_rows(result, name))
        words.push_back(row.is_string() ? std::string(row.get_string()) : member_word(row, "name"));
    return words;
}

/// All commands, what the command line filled in, and what becomes of their errors.
class Shuntctl {
  public:
    explicit Shuntctl(const ShuntctlWorld& world) : context_(world) {
        context_.add_to(tree_);
        // In the order of the help.
        services_.add_to(tree_);
        health_.add_to(tree_);
        connections_.add_to(tree_);
        stats_.add_to(tree_);
        tuning_.add_to(tree_);
        config_.add_to(tree_);
        marks_.add_to(tree_);
        sync_.add_to(tree_);
        machine_.add_to(tree_);
        packets_.add_to(tree_);
        live_.add_to(tree_);
        shell_.add_to(tree_);
    }

    int run(const std::vector<std::string>& args) {
        std::string where = "shuntctl";
        try {
            const auto choice = tree_.parse(with_watch_value(args));
            where = choice.where;
            if (!context_.watched()) {
                choice.action();
            } else if (choice.shows) {
                context_.watch(choice.action);
            } else {
                throw UsageError(where, "--watch is for commands that show something");
            }
            return context_.status();
        } catch (const AskedForText& asked) {
            context_.out() << asked.text;
            return status_done;
        } catch (const UsageError& error) {
            context_.world().err << error.where() << ": " << error.what() << "\nTry `"
                                 << error.where() << " --help`.\n";
            return status_usage;
        } catch (const CLI::ParseError& error) {
            context_.world().err << where << ": " << error.what() << '\n';
            return status_usage;
        } catch (const Refused& refusal) {
            // The place in a file stands first, as other tools have it.
            if (!context_.file().empty() && is_place(refusal.what()))
                context_.world().err << refusal.what() << '\n';
            else
                context_.world().err << "shuntctl: " << refusal.what() << blamed(refusal)
                                     << meant(refusal) << '\n';
            return status_refused;
        } catch (const ctl::ConfigError& error) {
            context_.world().err << error.what() << '\n';
            return status_refused;
        } catch (const Unreachable& error) {
            context_.world().err << "shuntctl: " << error.what() << '\n';
            return status_unreachable;
        }
    }

    [[nodiscard]] const CommandTree& tree() const noexcept { return tree_; }

  private:
    /// The name that the daemon has and that is nearest to one that it does not know.
    std::string meant(const Refused& refusal) {
        if (refusal.errno_name() != "ENOENT") return {};
        std::vector<std::string> words;
        const bool scheduler = refusal.path() == "scheduler";
        try {
            if (scheduler)
                words = member_words(context_.call("scheduler.list", {}), "schedulers");
            else if (refusal.path() == "name" && !tuning_.tunable().empty())
                words = member_words(context_.call("tunable.list", {}), "tunables");
        } catch (const std::runtime_error&) {
            // The refusal has been told; more is not known.
        }
        return did_you_mean(scheduler ? services_.scheduler() : tuning_.tunable(), words);
    }

    CommandContext context_;
    CommandTree tree_;
    ServiceCommands services_{context_};
    HealthCommands health_{context_};
    ConnCommands connections_{context_};
    StatsCommands stats_{context_};
    TuningCommands tuning_{context_};
    ConfigCommands config_{context_};
    MarkCommands marks_{context_};
    SyncCommands sync_{context_};
    MachineCommands machine_{context_};
    PacketCommands packets_{context_};
    LiveCommands live_{context_};
    ShellCommands shell_{context_};
};

}  // namespace

int run_shuntctl(const std::vector<std::string>& args, const ShuntctlWorld& world) {
    if (!args.empty() && args.front() == "__complete") {
        const std::vector<std::string> words(args.begin() + 1, args.end());
        world.out << completion_lines(
            complete(Shuntctl(world).tree(), words, world.socket_path, world.connect));
        return status_done;
    }
    return Shuntctl(world).run(args);
}

std::vector<CommandInfo> shuntctl_commands(const ShuntctlWorld& world) {
    return Shuntctl(world).tree().commands();
}

}  // namespace shunt::cli
