#!/usr/bin/env bash
# Follows the windows of a tmux swarm: without it somebody would have to look at each of them, again and again.
#
#   claude_status.sh [--interval SECONDS] [--once] [--json] [-L SOCKET] [--session NAME]
#
# First a line for what each window reported last, then one for every report that comes: START (the worker has
# acknowledged), DONE, WAIT, ERROR, HELP, and SKIP (a window that cannot be read any more). Every 5 seconds unless told.
# With --json one object a line:
#
#   {"time":"2030-01-31T12:00:00Z","session":"...","window":"worker-0","event":"DONE","task":"task-1","text":""}
#
# Exit codes: 0 --once, 2 wrong usage, 3 no tmux, 4 no session, also when it ends while it is followed.

set -u
# shellcheck source=scripts/swarm_tmux.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/swarm_tmux.sh"
# shellcheck source=scripts/swarm_reports.sh
. "$here/swarm_reports.sh"

interval=5
once=no
format=text

main() {
    read_arguments "$@"
    use_session
    local known='' now
    while :; do
        now=$(look_at_all)
        news "$known" "$now" | tell
        [ $once = no ] || exit 0
        known=$now
        sleep "$interval"
        has_session || die "$NO_SESSION" "The tmux session '$SWARM_SESSION' has ended."
    done
}

read_arguments() {
    while [ $# -gt 0 ]; do
        server_option "$@"
        if [ "$taken" -gt 0 ]; then shift "$taken" && continue; fi
        case $1 in
            --interval)
                is_number "${2:-}" || die "$WRONG_USAGE" "--interval needs a number of seconds."
                interval=$2
                shift
                ;;
            --once) once=yes ;;
            --json) format=json ;;
            -h | --help) usage && exit ;;
            *) die "$WRONG_USAGE" "There is no option '$1': --interval, --once and --json are." ;;
        esac
        shift
    done
}

is_number() {
    case $1 in
        "" | . | *[!0-9.]* | *.*.*) return 1 ;;
    esac
}

# All reports of all windows: pane <tab> window <tab> WORD <tab> id <tab> text; and one line a window with the word
# READ, or SKIP where its program has ended, and one a task with SENT, its id and a stamp that is new with each sending.
look_at_all() {
    local pane dead columns name sent
    list_windows | while IFS='	' read -r pane dead columns name; do
        if [ "$dead" = 1 ]; then
            printf '%s\t%s\tSKIP\t\tits program has ended\n' "$pane" "$name"
        else
            printf '%s\t%s\tREAD\t\t\n' "$pane" "$name"
        fi
        sent=$(sent_tasks "$pane" | grep '^sent')
        {
            printf '%s\n' "$sent" | sed -n 's/^sent/SENT/p'
            settled_reports "$pane" '' "$sent" "$columns" | grep -v '^TASK'
        } | P=$pane W=$name awk '{ print ENVIRON["P"] "\t" ENVIRON["W"] "\t" $0 }'
    done
}

news() {
    LC_ALL=C awk -f "$here/swarm_news.awk" part=known <(printf '%s\n' "$1") part=now <(printf '%s\n' "$2")
}

tell() {
    local window event task text
    # A tab is a blank to `read`, and two of them would be one.
    tr '\t' '\037' | while IFS=$'\037' read -r window event task text; do
        if [ $format = json ]; then
            printf '{"time":"%s","session":%s,"window":%s,"event":"%s","task":%s,"text":%s}\n' \
                "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(quoted "$SWARM_SESSION")" "$(quoted "$window")" "$event" \
                "$(quoted "$task")" "$(quoted "$text")"
        else
            printf '%s %-12s %-5s %s\n' "$(date +%H:%M:%S)" "$window" "$event" "$task${text:+ $text}"
        fi
    done
}

# As a JSON string. Screens hold no control characters.
quoted() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

usage() {
    sed -n '2,/^$/s/^# \{0,1\}//p' "$here/claude_status.sh"
}

main "$@"
