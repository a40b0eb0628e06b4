#!/usr/bin/env bash
# Speaks to the agents of a tmux swarm: without it a task would have to be typed into each window and watched for.
#
#   claude_comm.sh [-L SOCKET] [--session NAME] COMMAND
#
#   send WINDOW TASK_ID DESCRIPTION...|-     give a task; `-` reads the description from standard input
#   poll WINDOW [TIMEOUT] [TASK_ID]          wait for DONE, ERROR, WAIT or HELP; also --timeout S and --task-id ID
#   status [WINDOW]                          state, task and words of one window or of all
#   overview                                 all windows, with their programs and last lines
#
# Without a task `poll` waits for any report that comes after the last task was sent; 300 seconds unless told.
#
# Exit codes: 0 done, 1 the worker reported ERROR, 2 wrong usage, 3 no tmux, 4 no session, 5 no window or its program
# has ended, 6 WAIT, 7 HELP, 8 the text was not submitted, 124 nothing came in time.

set -u
# shellcheck source=scripts/swarm_tmux.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/swarm_tmux.sh"
# shellcheck source=scripts/swarm_submit.sh
. "$here/swarm_submit.sh"
# shellcheck source=scripts/swarm_reports.sh
. "$here/swarm_reports.sh"

POLL_INTERVAL=${SWARM_POLL_INTERVAL:-0.5} # seconds between two looks

main() {
    while server_option "$@" && [ "$taken" -gt 0 ]; do shift "$taken"; done
    local command=${1:-}
    [ $# -eq 0 ] || shift
    case $command in
        send | poll | status | overview) "run_$command" "$@" ;;
        -h | --help | help) usage ;;
        "") die "$WRONG_USAGE" "Say what to do: send, poll, status or overview. --help explains them." ;;
        *) die "$WRONG_USAGE" "There is no command '$command': send, poll, status and overview are." ;;
    esac
}

run_send() {
    [ $# -ge 3 ] || die "$WRONG_USAGE" "send needs a window, a task's id and a description."
    local window=$1 task=$2 description
    shift 2
    check_task "$task"
    description=$*
    [ "$description" != - ] || description=$(cat)
    [ -n "$description" ] || die "$WRONG_USAGE" "The description is empty."
    use_session
    use_window "$window"
    is_alive || die "$NO_WINDOW" "The program in '$window' has ended: tmux respawn-window starts it again."
    remember_sent "$pane" "$task" "$columns"
    submit "$pane" "[TASK] $task $description" "$task"
    printf 'Sent %s to %s.\n' "$task" "$window"
}

run_poll() {
    local window='' timeout='' task=''
    read_poll_arguments "$@"
    use_session
    use_window "$window"
    wait_for_report "${timeout:-300}" "$task"
}

# Sets the variables of `run_poll`.
read_poll_arguments() {
    while [ $# -gt 0 ]; do
        server_option "$@"
        if [ "$taken" -gt 0 ]; then shift "$taken" && continue; fi
        case $1 in
            --timeout | --task-id) [ $# -ge 2 ] || die "$WRONG_USAGE" "$1 needs a value." ;;
        esac
        case $1 in
            --timeout) timeout=$2 && shift ;;
            --task-id) task=$2 && check_task "$task" && shift ;;
            -h | --help) usage && exit ;;
            -*) die "$WRONG_USAGE" "poll has no option '$1': --timeout and --task-id are." ;;
            *) take_positional "$1" ;;
        esac
        shift
    done
    [ -n "$window" ] || die "$WRONG_USAGE" "poll needs a window."
    case ${timeout:-0} in
        *[!0-9]*) die "$WRONG_USAGE" "The timeout is a whole number of seconds, not '$timeout'." ;;
    esac
}

take_positional() {
    if [ -z "$window" ]; then
        window=$1
    elif [ -z "$timeout" ]; then
        timeout=$1
    elif [ -z "$task" ]; then
        task=$1
        check_task "$task"
    else
        die "$WRONG_USAGE" "'$1' is one argument too many: poll WINDOW [TIMEOUT] [TASK_ID]."
    fi
}

# Prints the report that ends the task "$2" (or any) and ends with its code.
wait_for_report() {
    local deadline=$((SECONDS + $1)) found alive
    while :; do
        is_alive && alive=yes || alive=no # before the look: what it said last still counts
        found=$(settled_reports "$pane" "$2" "$(sent_tasks "$pane")" "$columns" | awk -F '\t' '$1 !~ /^(TASK|ACK)$/' | tail -n 1)
        [ -z "$found" ] || answer_with "$found"
        [ $alive = yes ] || die "$NO_WINDOW" "The program in '$window' has ended without a report."
        [ $SECONDS -lt $deadline ] || die "$TIMED_OUT" "No report${2:+ on $2} from '$window' within $1 s."
        sleep "$POLL_INTERVAL"
    done
}

answer_with() {
    printf '%s\n' "$1" | as_marker
    case $1 in
        DONE*) exit 0 ;;
        ERROR*) exit "$REPORTED_ERROR" ;;
        WAIT*) exit "$REPORTED_WAIT" ;;
        *) exit "$REPORTED_HELP" ;;
    esac
}

run_status() {
    [ $# -le 1 ] || die "$WRONG_USAGE" "status takes one window or none."
    use_session
    if [ $# -eq 1 ]; then
        use_window "$1"
        describe "$pane" "$(is_alive && echo 0 || echo 1)" "$columns" "$1"
    else
        each_window describe
    fi
}

run_overview() {
    [ $# -eq 0 ] || die "$WRONG_USAGE" "overview takes no arguments."
    use_session
    each_window describe_at_length
}

# Calls "$1" with pane, whether it is dead, columns and name of every window.
each_window() {
    local pane dead columns name
    list_windows | while IFS='	' read -r pane dead columns name; do
        "$1" "$pane" "$dead" "$columns" "$name"
    done
}

# One line: window, state, task, words.
describe() {
    local sent report state
    sent=$(sent_tasks "$1")
    report=$(settled_reports "$1" '' "$sent" "$3" | grep -v '^TASK' | tail -n 1)
    state=$(printf '%s\n' "$report" | cut -f 1 | sed 's/^ACK$/WORKING/')
    if [ -z "$report" ]; then
        state=$([ -n "$sent" ] && echo SENT || echo IDLE)
        report="	$(last_task "$sent")	"
    fi
    [ "$2" = 0 ] || state=ENDED
    printf '%-12s %-8s %s\n' "$4" "$state" "$(printf '%s\n' "$report" | cut -s -f 2- | tr '\t' ' ')" | sed 's/ *$//'
}

describe_at_length() {
    describe "$@"
    printf '    runs %s\n' "$(tm display-message -p -t "$1" '#{pane_current_command}, #{pane_width} x #{pane_height}')"
    tm capture-pane -p -t "$1" | grep '[^[:space:]]' | tail -n 1 | sed 's/^/    | /'
}

as_marker() {
    awk -F '\t' '{ print "[" $1 "] " $2 ($3 == "" ? "" : " " $3) }'
}

check_task() {
    case $1 in
        "" | *[[:space:][:cntrl:]]*) die "$WRONG_USAGE" "A task's id is one word without blanks: '$1'." ;;
    esac
}

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$here/claude_comm.sh"
}

main "$@"
