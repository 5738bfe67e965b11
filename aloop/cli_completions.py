"""``aloop completions SHELL``: scripts that hold no list of anything; they ask aloop for the words at each Tab."""

from __future__ import annotations

from aloop.cli_options import CompletionsOptions, ShellName
from aloop.sessions_output import print_line

# In all three, the words are those behind the command up to the cursor, and an answer is a word, a tab and what it is.
# The program asked is the one that is being typed: it may be in no folder of PATH.

_BASH = r"""
_aloop() {
    local IFS=$'\n' line lines typed=("${COMP_WORDS[@]:1:COMP_CWORD}")
    # Words come as they were typed. The marks of quoting go; what a shell would run in them is never run.
    lines=$("${1/#\~/$HOME}" completions --words "${typed[@]//[\\\"\']/}" 2>/dev/null </dev/null)
    COMPREPLY=()
    for line in $lines; do
        COMPREPLY+=("${line%%$'\t'*}")
    done
    if [[ $COMPREPLY == */ ]]; then
        COMPREPLY=("${COMPREPLY[@]%/}")
        compopt -o filenames 2>/dev/null
    fi
}
complete -F _aloop aloop
"""

_ZSH = r"""
_aloop() {
    local -a lines words_found folders
    local line
    lines=("${(@f)$(${words[1]/#\~/$HOME} completions --words "${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
    for line in $lines; do
        if [[ ${line%%$'\t'*} == */ ]]; then
            folders+=("${line%%$'\t'*}")
        else
            words_found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        fi
    done
    (( $#folders )) && compadd -S '' -- $folders
    (( $#words_found )) && _describe -V aloop words_found
}
compdef _aloop aloop
"""

_FISH = r"""
function __aloop_words
    set --local words (commandline --tokenize --cut-at-cursor --current-process)
    set --local program (string replace --regex '^~' $HOME -- $words[1])
    set --erase words[1]
    set --append words (string unescape -- (commandline --current-token --cut-at-cursor))
    $program completions --words $words 2>/dev/null </dev/null
end
complete --command aloop --no-files --keep-order --arguments '(__aloop_words)'
"""

_SCRIPTS: dict[ShellName, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def print_script(options: CompletionsOptions) -> int:
    """Print the script and return the exit code."""
    for line in _SCRIPTS[options.shell].strip().splitlines():
        print_line(line)
    return 0
