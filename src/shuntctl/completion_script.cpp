// SPDX-License-Identifier: BSD-3-Clause
#include "shuntctl/completion.h"

namespace shunt::cli {

namespace {

// Bash takes ":" and "=" for ends of words: what is before the last of them is not to be offered.
constexpr const char* bash_script =
    R"(# Completion of shuntctl for bash, as `shuntctl completion bash` prints it.
_shuntctl() {
    local line=${COMP_LINE:0:COMP_POINT} words word before
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    local current=${words[${#words[@]} - 1]}
    if [[ $COMP_WORDBREAKS == *:* && $current == *:* ]]; then
        before=${current%"${current##*:}"}
    elif [[ $COMP_WORDBREAKS == *=* && $current == *=* ]]; then
        before=${current%"${current##*=}"}
    fi
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        if [[ $word == :files ]]; then
            compopt -o default 2>/dev/null
        else
            COMPREPLY+=("${word#"$before"}")
        fi
    done < <("${COMP_WORDS[0]}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _shuntctl shuntctl
)";

constexpr const char* zsh_script = R"(#compdef shuntctl
# Completion of shuntctl for zsh, as `shuntctl completion zsh` prints it.
_shuntctl() {
    local -a names texts
    local word text
    while IFS=$'\t' read -r word text; do
        if [[ $word == :files ]]; then
            _files
        else
            names+=("$word")
            texts+=("$word${text:+  -- $text}")
        fi
    done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#names} )) && compadd -l -d texts -- "${names[@]}"
}
if [[ ${funcstack[1]} == _shuntctl ]]; then
    _shuntctl "$@"
else
    compdef _shuntctl shuntctl
fi
)";

}  // namespace

std::string completion_script(const std::string& shell) {
    return shell == "zsh" ? zsh_script : bash_script;
}

}  // namespace shunt::cli
