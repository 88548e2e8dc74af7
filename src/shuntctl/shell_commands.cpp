// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/shell_commands.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <utility>

#include "shuntctl/completion.h"

namespace shunt::cli {

namespace json = boost::json;

void ShellCommands::add_to(CommandTree& tree) {
    add_completion(tree);
    add_ipvsadm(tree);
}

void ShellCommands::add_completion(CommandTree& tree) {
    auto* const completion =
        tree.noun("completion", "the script that completes words in a shell", {});
    for (const auto& [shell, example] :
         {std::pair{"bash", "shuntctl completion bash > /etc/bash_completion.d/shuntctl"},
          std::pair{"zsh",
                    "shuntctl completion zsh > /usr/local/share/zsh/site-functions/"
                    "_shuntctl"}})
        tree.verb(
            completion, shell, std::string("print it, for ") + shell,
            [this, name = std::string(shell)] {
                const auto script = completion_script(name);
                if (context_.as_json())
                    context_.out() << json::serialize(json::object{{"script", script}}) << '\n';
                else
                    context_.out() << script;
            },
            example);
}

// Here for its line in the help: main() hands it to the other front end before.
void ShellCommands::add_ipvsadm(CommandTree& tree) {
    tree.noun(
        "ipvsadm", "all commands of ipvsadm: shuntctl ipvsadm --help",
        [] { throw UsageError("shuntctl", "only --socket PATH may come before ipvsadm"); },
        "shuntctl ipvsadm -Ln");
}

}  // namespace shunt::cli
