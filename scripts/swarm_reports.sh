# shellcheck shell=bash disable=SC2154 # $here and others are those of swarm_tmux.sh
# What workers report and which tasks they were given: without it what was on the screen before a task was sent would
# be taken for its answer. To be sourced after swarm_tmux.sh.

# The reports in pane "$1", a line each: WORD <tab> id <tab> text. "$2" is a task or empty, "$3" what is known of tasks
# that were sent (see swarm_markers.awk), "$4" the columns of the pane.
#
# Looks until two looks agree: a screen may be caught while it is drawn, and `task-1` be the beginning of `task-10`.
settled_reports() {
    local last='' now looks=0
    while :; do
        now=$(reports "$@")
        [ -n "$now" ] || return 0
        [ "$now" != "$last" ] && [ $looks -lt 10 ] || break
        last=$now looks=$((looks + 1))
        sleep 0.1
    done
    printf '%s\n' "$now"
}

reports() {
    ID=$2 LC_ALL=C awk -f "$here/swarm_markers.awk" columns="$4" \
        part=typed <(tm show-buffer -b "swarm-${1#%}-typed" 2>/dev/null) part=sent <(printf '%s\n' "$3") \
        part=screen <(tm capture-pane -p -J -S - -t "$1" 2>/dev/null)
}

# What is known of the tasks sent to pane "$1".
sent_tasks() {
    tm show-buffer -b "swarm-${1#%}-sent" 2>/dev/null
}

# Notes what pane "$1" ("$3" columns wide) says before task "$2" is sent. The last 20 tasks.
remember_sent() {
    local sent there
    sent=$(sent_tasks "$1" | keep_tasks "$2")
    there=$(reports "$1" '' "$sent" "$3")
    {
        [ -z "$sent" ] || printf '%s\n' "$sent"
        printf 'sent\t%s\t%s-%s\n' "$2" "$(date +%s)" $$
        printf '%s\n' "$there" | ID=$2 awk -F '\t' '$2 == ENVIRON["ID"] { print "before\t" $2 "\t" $0 }'
        printf '%s\n' "$there" | sed -n 's/./last	&/p'
    } | tm load-buffer -b "swarm-${1#%}-sent" -
}

# The last 19 tasks but the one called "$1".
keep_tasks() {
    ID=$1 awk -F '\t' '
        $1 == "last" || $2 == ENVIRON["ID"] { next }
        $1 == "sent" { first[++tasks] = lines + 1 }
        { line[++lines] = $0 }
        END { for (i = tasks > 19 ? first[tasks - 18] : 1; i <= lines; i++) print line[i] }'
}

# The id of the task sent last, of what is known.
last_task() {
    printf '%s\n' "$1" | awk -F '\t' '$1 == "sent" { id = $2 } END { print id }'
}
