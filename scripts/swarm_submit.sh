# shellcheck shell=bash disable=SC2154 # $here and others are those of swarm_tmux.sh
# Puts text into a window and makes sure that it was submitted: without it every third Enter would be lost, or a task
# given twice. To be sourced after swarm_tmux.sh.
#
#   take the window -> paste, exactly -> the text must appear -> Enter -> the screen must show that it was taken

SWARM_PATIENCE=${SWARM_PATIENCE:-10} # seconds for the text to appear, and again for it to be taken

# Submits text "$2" in pane "$1", for the task "$3" if there is one. Ends the script where the screen does not show that it was.
submit() {
    local target=$1 text=$2 before drafted
    refuse_control_characters "$text"
    take_turn "$target"
    if [ "$(tm display-message -p -t "$target" '#{pane_in_mode}')" != 0 ]; then
        tm send-keys -t "$target" -X cancel # somebody scrolls: keys would go to the scrolling
    fi
    before=$(rows_below "$target" "$text")
    remember_typed "$target" "$text" "${3:-}"
    paste_text "$target" "$text"
    wait_for_draft || die "$NOT_SUBMITTED" "The text does not appear in $target: see what its program waits for. Enter was not pressed."
    press_enter || die "$NOT_SUBMITTED" "The text stands in $target, but Enter does not submit it. It was not sent twice."
    end_turn "$target"
}

# They would end the bracketed paste, and be keys.
refuse_control_characters() {
    local rest
    rest=$(printf '%s' "$1" | LC_ALL=C tr -d '\n\t\040-\176\200-\377' | wc -c)
    [ "$rest" -eq 0 ] || die "$WRONG_USAGE" "The text holds control characters, which a terminal would take for keys."
}

# One at a time in a window. tmux carries out a command as a whole, so that only one of several finds the place free.
take_turn() {
    local holder deadline=$((SECONDS + 3 * SWARM_PATIENCE))
    turn_in=$1
    trap 'end_turn "$turn_in"' EXIT
    while :; do
        holder=$(tm show-options -pqv -t "$1" @swarm_sender)
        [ "$holder" = $$ ] && return
        if [ -z "$holder" ] || ! kill -0 "$holder" 2>/dev/null; then
            tm if-shell -F -t "$1" "#{==:#{@swarm_sender},$holder}" "set-option -p -t $1 @swarm_sender $$"
            continue
        fi
        [ $SECONDS -lt $deadline ] || die "$NOT_SUBMITTED" "Process $holder has been sending to $1 for too long."
        sleep 0.1
    done
}

end_turn() {
    tm if-shell -F -t "$1" "#{==:#{@swarm_sender},$$}" "set-option -pu -t $1 @swarm_sender" 2>/dev/null
}

# Not by `send-keys`, which drops a `;` at the end and has a limit of length. -p: as one paste where the program asks
# for that. -r: line feeds stay.
paste_text() {
    local buffer="swarm-${1#%}-paste"
    printf '%s' "$2" | tm load-buffer -b "$buffer" - && tm paste-buffer -p -r -d -b "$buffer" -t "$1"
}

# A program that takes a burst of keys for a paste would take Enter for a part of it: so not before the text rests.
wait_for_draft() {
    local deadline=$((SECONDS + SWARM_PATIENCE)) same=0 last=''
    while [ $SECONDS -le $deadline ]; do
        drafted=$(rows_below "$target" "$text")
        if [ "$drafted" = gone ] || [ "$drafted" = "$before" ]; then
            same=0
        elif [ "$drafted" = "$last" ]; then
            same=$((same + 1))
            [ $same -lt 4 ] || return 0
        else
            same=1
        fi
        last=$drafted
        sleep 0.04
    done
    return 1
}

# Presses again only after a second in which the screen showed the text where it was: that Enter was lost.
press_enter() {
    local presses=0 until deadline=$((SECONDS + SWARM_PATIENCE))
    while [ $SECONDS -lt $deadline ] && [ $presses -lt 3 ]; do
        tm send-keys -t "$target" Enter
        presses=$((presses + 1))
        until=$((SECONDS + 2))
        while [ $SECONDS -lt $until ]; do
            is_taken && return 0
            sleep 0.04
        done
    done
    return 1
}

# Two looks, as a screen may be caught while it is drawn. More, where what is new below is no prompt: a hint may come
# and go.
is_taken() {
    local look=0 looks=2 now
    while [ $look -lt $looks ]; do
        [ $look = 0 ] || sleep 0.04
        now=$(rows_below "$target" "$text")
        look=$((look + 1))
        [ "$now" = gone ] && continue
        [ "$now" -gt "$drafted" ] || return 1
        [ $((now - drafted)) -ge 900 ] || looks=10
    done
}

rows_below() {
    local cursor x y
    IFS=' ' read -r cursor x y <<<"$(tm display-message -p -t "$1" '#{cursor_flag} #{cursor_x} #{cursor_y}')"
    LC_ALL=C awk -f "$here/swarm_draft.awk" cursor="$cursor" column="$x" line="$y" \
        part=text <(printf '%s\n' "$2") part=screen <(tm capture-pane -p -t "$1")
}

# Kept in buffers of the tmux server, which hold text of any length and end with it. The last 20.
remember_typed() {
    local buffer="swarm-${1#%}-typed" squeezed
    squeezed=$(printf '%s\n' "$2" | LC_ALL=C awk -f "$here/swarm_markers.awk" part=text -)
    { tm show-buffer -b "$buffer" 2>/dev/null && echo; printf '%s\t%s\n' "$3" "$squeezed"; } | grep . | tail -n 20 |
        tm load-buffer -b "$buffer" -
}
