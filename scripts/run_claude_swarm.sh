#!/usr/bin/env bash
# Starts agents side by side in tmux and teaches them to report: without it each window would be opened and told by hand.
#
#   run_claude_swarm.sh [--session NAME] [--workers N] [--agent CMD] [--private] [-L SOCKET]
#
#   --session   swarm-claude-default unless told       --agent    what runs in each window: `claude` unless told
#   --workers   3 unless told                          --private  on a tmux server of its own, without your tmux.conf
#
# The windows are master, worker-0, worker-1 and so on. What is there already is left as it is; windows that are missing
# are added.
#
# Exit codes: 0, 2 wrong usage, 3 no tmux, 5 a window could not be opened, 8 an agent could not be told what to do,
# 127 the agent is not installed.

set -u
# shellcheck source=scripts/swarm_tmux.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/swarm_tmux.sh"
# shellcheck source=scripts/swarm_submit.sh
. "$here/swarm_submit.sh"

START_PATIENCE=${SWARM_START_PATIENCE:-30} # seconds for an agent to draw its first screen

agent=claude
workers=3
private=no

main() {
    read_arguments "$@"
    use_server
    if [ $private = yes ]; then
        TMUX_SOCKET=${TMUX_SOCKET:-$SWARM_SESSION}
        use_server
        server+=(-f /dev/null)
    fi
    command -v "${agent%% *}" >/dev/null 2>&1 || die "$NO_AGENT" "'${agent%% *}' is not installed: --agent names another."
    if has_session; then echo "The session '$SWARM_SESSION' is there already."; fi
    local opened=''
    open_windows
    teach_all "$opened"
    say_how_to_go_on
}

read_arguments() {
    while [ $# -gt 0 ]; do
        server_option "$@"
        if [ "$taken" -gt 0 ]; then shift "$taken" && continue; fi
        case $1 in
            --workers | --agent) [ -n "${2:-}" ] || die "$WRONG_USAGE" "$1 needs a value." ;;
        esac
        case $1 in
            --workers) workers=$2 && shift ;;
            --agent) agent=$2 && shift ;;
            --private) private=yes ;;
            -h | --help) usage && exit ;;
            *) die "$WRONG_USAGE" "There is no option '$1': --session, --workers, --agent, --private and -L are." ;;
        esac
        shift
    done
    case $workers in
        *[!0-9]* | ???*) die "$WRONG_USAGE" "--workers is a number from 0 to 99, not '$workers'." ;;
    esac
}

# Adds the names of the windows it opens to $opened.
open_windows() {
    local name
    for name in master $(worker_names); do
        if list_windows | cut -f 4 | grep -Fqx -- "$name"; then
            [ "$(list_windows | N=$name awk -F '\t' '$4 == ENVIRON["N"] { print $2 }')" != 1 ] ||
                echo "The program in '$name' has ended: tmux respawn-window -t '$SWARM_SESSION:$name' starts it again."
        else
            open_window "$name" || die "$NO_WINDOW" "tmux could not open the window '$name'."
            opened="$opened $name"
        fi
    done
}

worker_names() {
    local number
    for ((number = 0; number < workers; number++)); do echo "worker-$number"; done
}

# The window stays when its program ends, so that one can read why. What programs clear, to draw it again, does not
# become history (tmux 3.3 and newer).
open_window() {
    if has_session; then
        tm new-window -d -t "=$SWARM_SESSION:" -n "$1" "$agent" \; set-option -w -t "=$SWARM_SESSION:=$1" remain-on-exit on || return
    else
        tm new-session -d -s "$SWARM_SESSION" -n "$1" -x 200 -y 50 "$agent" \; \
            set-option -w -t "=$SWARM_SESSION:=$1" remain-on-exit on \; \
            set-option -t "=$SWARM_SESSION:" history-limit 50000 || return
    fi
    tm set-option -wq -t "=$SWARM_SESSION:=$1" scroll-on-clear off 2>/dev/null || true
}

# Each agent in a process of its own, as one that does not start must not keep the others waiting.
teach_all() {
    local name children='' child failed=0
    for name in $1; do
        (teach "$name") &
        children="$children $!"
    done
    for child in $children; do wait "$child" || failed=$NOT_SUBMITTED; done
    [ $failed = 0 ] || die "$failed" "Not every agent could be told how to report: look at its window, then give it docs/swarm-scripts.md."
}

teach() {
    use_window "$1"
    wait_for_screen "$1" || die "$NOT_SUBMITTED" "The program in '$1' does not show a screen that rests."
    case $1 in
        master) submit "$pane" "$(master_lesson)" ;;
        *) submit "$pane" "$(worker_lesson)" ;;
    esac
}

# Until something stands on the screen and has not changed for a second.
wait_for_screen() {
    local deadline=$((SECONDS + START_PATIENCE)) last='' now same=0
    while [ $SECONDS -lt $deadline ]; do
        is_alive || die "$NO_WINDOW" "The program in '$1' has ended."
        now=$(tm capture-pane -p -t "$pane")
        if [ -n "$now" ] && [ "$now" = "$last" ]; then same=$((same + 1)); else same=0; fi
        [ $same -lt 5 ] || return 0
        last=$now
        sleep 0.2
    done
    return 1
}

# No line begins with a marker, so that not even a program that prints it again reports by it.
worker_lesson() {
    cat <<'END'
You are a worker. Tasks reach you as messages that begin with the word TASK in square brackets and an id. Whoever gave them reads your screen, so report each task with lines of their own that begin with a marker, without quotes or formatting:
when you begin: [ACK] id
when it is finished: [DONE] id
when it cannot be done: [ERROR] id and the reason
when something else must happen first: [WAIT] id and what for
when a person must decide: [HELP] id and the question
Copy the id exactly. Write a marker only when it is true, and never to quote it. Answer now with the one word: ready
END
}

master_lesson() {
    cat <<END
You are the master of a swarm of coding agents in tmux windows: $(worker_names | paste -s -d ' ' -). Give them work and collect the results with these shell commands, run with TMUX_SOCKET='$TMUX_SOCKET' SWARM_SESSION='$SWARM_SESSION' in their environment:
$here/claude_comm.sh send WINDOW TASK_ID DESCRIPTION (gives a task; choose a new id for each)
$here/claude_comm.sh poll WINDOW TIMEOUT TASK_ID (waits; exit code 0 done, 1 error, 6 it waits, 7 it needs help, 124 not yet)
$here/claude_comm.sh overview (shows all windows)
Give each worker one task at a time, and check what it did. Decide nothing that a person must decide: ask. Answer now with the one word: ready
END
}

say_how_to_go_on() {
    local flag=''
    case $TMUX_SOCKET in
        "") ;;
        */*) flag=" -S '$TMUX_SOCKET'" ;;
        *) flag=" -L '$TMUX_SOCKET'" ;;
    esac
    echo "Windows: $(window_names)"
    echo "Look in: tmux$flag attach -t '$SWARM_SESSION'"
    [ -z "$flag" ] || echo "For the other scripts: export TMUX_SOCKET='$TMUX_SOCKET' SWARM_SESSION='$SWARM_SESSION'"
}

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$here/run_claude_swarm.sh"
}

main "$@"
