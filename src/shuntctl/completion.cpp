// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/completion.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <map>

#include "shuntctl/command_tables.h"
#include "shuntctl/pages.h"
#include "shuntctl/rows.h"

namespace shunt::cli {

namespace json = boost::json;

namespace {

using Words = std::vector<std::string>;

/// The words that an argument takes when its table row has no choices; by its name.
const std::map<std::string, Words>& fixed_words() {
    static const std::map<std::string, Words> words{
        {"PROTOCOL", {"tcp", "udp", "sctp"}},
        {"--protocol", {"tcp", "udp", "sctp", "ip"}},
        {"--engine", {"sip"}},
        {"KIND", {"service", "server", "limit", "defence", "config"}},
        {"--flag",
         {"sh-fallback", "sh-port", "mh-fallback", "mh-port", "conhash-port", "flag-1", "flag-2",
          "flag-3"}},
        {"--state",
         {"ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
          "LAST_ACK", "LISTEN", "SYNACK", "UDP", "ASSURED", "NONE"}}};
    return words;
}

/// The line so far, split as the parser does.
struct Line {
    const CommandInfo* command = nullptr;
    std::string noun;
    std::string verb;
    Words places;        ///< words that are known by their places, behind the command
    std::string option;  ///< that the last word is the value of; empty: of none
    std::string socket;
};

class Completer {
  public:
    Completer(const CommandTree& tree, const Words& words, const std::string& socket_path,
              const Connect& connect)
        : commands_(tree.commands()),
          nouns_(tree.nouns()),
          common_(tree.common_options()),
          connect_(connect),
          last_(words.empty() ? "" : words.back()) {
        line_.socket = socket_path;
        for (std::size_t i = 0; i + 1 < words.size(); ++i) read(words[i]);
    }

    Completion run() {
        if (line_.option == "--socket") return {{}, true};
        if (!line_.option.empty())
            offer_values(argument(line_.option));
        else if (last_.starts_with('-'))
            offer_options();
        else if (line_.noun.empty())
            offer_nouns();
        else if (line_.command == nullptr)
            offer_verbs();
        else
            offer_place();
        return std::move(found_);
    }

  private:
    void read(const std::string& word) {
        if (!line_.option.empty()) {
            if (line_.option == "--socket") line_.socket = word;
            line_.option.clear();
        } else if (word.starts_with('-')) {
            const auto known = argument(word);
            if (!known.value.empty() && !known.value.starts_with('[')) line_.option = word;
        } else if (line_.noun.empty()) {
            line_.noun = word;
            choose();
        } else if (line_.command == nullptr && line_.verb.empty()) {
            line_.verb = word;
            choose();
        } else {
            line_.places.push_back(word);
        }
    }

    void choose() {
        for (const auto& command : commands_)
            if (command.noun == line_.noun && command.verb == line_.verb) line_.command = &command;
    }

    /// An option by its name, with what is known of it.
    ArgumentInfo argument(const std::string& name) const {
        const auto in = [&name](const std::vector<ArgumentInfo>& all) {
            return std::find_if(all.begin(), all.end(),
                                [&](const auto& a) { return a.name == name; });
        };
        if (line_.command != nullptr) {
            const auto& own = line_.command->arguments;
            if (const auto at = in(own); at != own.end()) return *at;
        }
        const auto at = in(common_);
        return at == common_.end() ? ArgumentInfo{} : *at;
    }

    void offer(const std::string& word, const std::string& what = "") {
        if (!word.starts_with(last_)) return;
        for (const auto& there : found_.candidates)
            if (there.word == word) return;
        found_.candidates.push_back({word, what});
    }

    void offer_nouns() {
        for (const auto& noun : nouns_) offer(noun.name, noun.what);
    }

    void offer_verbs() {
        for (const auto& command : commands_)
            if (command.noun == line_.noun && line_.verb.empty()) offer(command.verb, command.what);
    }

    void offer_options() {
        if (line_.command != nullptr)
            for (const auto& option : line_.command->arguments)
                if (option.is_option()) offer(option.name, option.what);
        for (const auto& option : common_) offer(option.name, option.what);
    }

    void offer_place() {
        std::size_t place = line_.places.size();
        for (const auto& argument : line_.command->arguments) {
            if (argument.is_option() || place-- != 0) continue;
            offer_values(argument);
            break;
        }
        if (found_.candidates.empty() && !found_.files) offer_options();
    }

    void offer_values(const ArgumentInfo& argument) {
        const auto fixed = fixed_words().find(argument.name);
        for (const auto& word : argument.choices) offer(word);
        if (!argument.choices.empty()) return;
        if (fixed != fixed_words().end()) {
            for (const auto& word : fixed->second) offer(word);
            return;
        }
        if (argument.name == "FILE") found_.files = true;
        if (line_.noun == "app" && argument.name == "NAME") {
            offer("ftp");
            offer("tftp");
            return;
        }
        try {
            offer_from_daemon(argument.name);
        } catch (const std::exception&) {
            // Nobody is there to ask: the shell has nothing to offer.
        }
    }

    void offer_from_daemon(const std::string& name) {
        if (name == "SERVICE" || name == "VIRTUAL" || name == "SERVER" || name == "--server" ||
            (name == "--mark" && line_.noun != "mark"))
            offer_services(name);
        else if (line_.noun == "tunable" && name == "NAME")
            offer_rows("tunable.list", "tunables", "name", "meaning");
        else if (name == "--scheduler")
            offer_names("scheduler.list", "schedulers");
        else if (name == "--port")
            offer_rows("port.list", "ports", "port", "device");
    }

    void offer_services(const std::string& name) {
        const auto services = service_rows(ask("service.list"));
        const std::string protocol = line_.places.empty() ? "" : line_.places[0];
        const std::string address = line_.places.size() < 2 ? "" : line_.places[1];
        for (const auto& service : services) {
            const bool same = protocol.empty() || to_string(service.protocol) == protocol;
            if (name == "--mark" && service.mark != 0)
                offer(std::to_string(service.mark), service.scheduler);
            if ((name == "SERVICE" || name == "VIRTUAL") && service.mark == 0 && same)
                offer(to_string(service.address), service.scheduler);
            const bool of_it = address.empty() || to_string(service.address) == address;
            if (name == "--server" || (name == "SERVER" && same && of_it))
                for (const auto& server : service.servers)
                    offer(to_string(server.address), service_name(service));
        }
    }

    void offer_rows(const char* method, const char* rows, const char* word, const char* what) {
        const auto result = ask(method);
        for (const auto& row : member_rows(result, rows))
            offer(member_text(row, word), member_text(row, what));
    }

    void offer_names(const char* method, const char* rows) {
        const auto result = ask(method);
        for (const auto& name : member_rows(result, rows))
            if (const auto* text = name.if_string()) offer(std::string(*text));
    }

    json::value ask(const char* method) { return call_whole(connect_(line_.socket), method, {}); }

    std::vector<CommandInfo> commands_;
    std::vector<NounInfo> nouns_;
    std::vector<ArgumentInfo> common_;
    const Connect& connect_;
    std::string last_;
    Line line_;
    Completion found_;
};

}  // namespace

Completion complete(const CommandTree& tree, const Words& words, const std::string& socket_path,
                    const Connect& connect) {
    return Completer(tree, words, socket_path, connect).run();
}

std::string completion_lines(const Completion& completion) {
    std::string lines;
    for (const auto& [word, what] : completion.candidates)
        lines += word + (what.empty() ? "" : '\t' + what) + '\n';
    return lines + (completion.files ? ":files\n" : "");
}

}  // namespace shunt::cli
