# shellcheck shell=bash
# The way to a window of the swarm: without it each script would look for tmux, a session and a pane in its own manner,
# and fail in its own manner. To be sourced.
#
#   server_option -> use_server -> use_session -> use_window -> $pane
#
# The scripts do without `set -e`: a `grep` that finds nothing is an answer here, not an end. What may fail is asked.

SWARM_SESSION=${SWARM_SESSION:-swarm-claude-default}
TMUX_SOCKET=${TMUX_SOCKET:-}
# shellcheck disable=SC2034 # for who sources this
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

# Exit codes, for all scripts. 1, 6 and 7 are what a worker reported; 124 is that of timeout(1).
# shellcheck disable=SC2034 # each is used by one script or another
readonly REPORTED_ERROR=1 WRONG_USAGE=2 NO_TMUX=3 NO_SESSION=4 NO_WINDOW=5 REPORTED_WAIT=6 REPORTED_HELP=7 \
    NOT_SUBMITTED=8 TIMED_OUT=124 NO_AGENT=127

# One line on standard error, and the end.
die() {
    local code=$1
    shift
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit "$code"
}

# Sets $taken to how many of the arguments are an option that all scripts have.
# shellcheck disable=SC2034 # for who sources this
server_option() {
    taken=0
    case ${1:-} in
        -L | --session)
            [ -n "${2:-}" ] || die "$WRONG_USAGE" "$1 needs a name."
            taken=2
            ;;
    esac
    case ${1:-} in
        -L) TMUX_SOCKET=$2 ;;
        --session) SWARM_SESSION=$2 ;;
    esac
}

# Finds tmux. A socket with a slash is a file, any other is a name as for `tmux -L`.
use_server() {
    command -v tmux >/dev/null 2>&1 || die "$NO_TMUX" "tmux is not installed: install it with the system's package manager."
    case $(tmux -V) in
        "tmux "[12].* | "tmux "0.*) die "$NO_TMUX" "$(tmux -V) is too old: 3.0 or newer is needed." ;;
    esac
    # Without -u a tmux in a plain C locale writes `_` for everything beyond ASCII.
    case $TMUX_SOCKET in
        "") server=(tmux -u) ;;
        */*) server=(tmux -u -S "$TMUX_SOCKET") ;;
        *) server=(tmux -u -L "$TMUX_SOCKET") ;;
    esac
    case $SWARM_SESSION in
        *[:.]* | "") die "$WRONG_USAGE" "A session's name has no ':' and no '.': '$SWARM_SESSION'." ;;
    esac
}

tm() {
    "${server[@]}" "$@"
}

has_session() {
    # `=`, or `swarm` would find `swarm-2`.
    tm has-session -t "=$SWARM_SESSION" 2>/dev/null
}

use_session() {
    use_server
    has_session || die "$NO_SESSION" "There is no tmux session '$SWARM_SESSION': start it with run_claude_swarm.sh."
}

# One line a window: its active pane, whether its program has ended, columns, name. The name comes last: it may
# hold anything but a tab.
list_windows() {
    tm list-windows -t "=$SWARM_SESSION" \
        -F '#{pane_id}	#{pane_dead}	#{pane_width}	#{window_name}' 2>/dev/null
}

# Sets $pane and $columns to those of the window called "$1", compared whole: tmux itself would take a prefix or a
# pattern.
use_window() {
    local found
    found=$(list_windows | WANTED=$1 awk -F '\t' '$4 == ENVIRON["WANTED"]')
    case $found in
        "") die "$NO_WINDOW" "There is no window '$1' in '$SWARM_SESSION'. Windows: $(window_names)." ;;
        *$'\n'*) die "$NO_WINDOW" "Several windows of '$SWARM_SESSION' are called '$1': rename all but one." ;;
    esac
    pane=$(printf '%s\n' "$found" | cut -f 1)
    # shellcheck disable=SC2034 # for who sources this
    columns=$(printf '%s\n' "$found" | cut -f 3)
}

window_names() {
    list_windows | cut -f 4 | paste -s -d ' ' - | sed 's/ /, /g'
}

# Whether the program in $pane still runs.
is_alive() {
    [ "$(tm display-message -p -t "$pane" '#{pane_dead}' 2>/dev/null)" = 0 ]
}
