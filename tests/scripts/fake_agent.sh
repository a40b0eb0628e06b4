#!/usr/bin/env bash
# An agent without a model: a prompt in a box, pastes taken as a whole, and an answer by markers.
#
#   fake_agent.sh INBOX BULLET HABIT...
#
# What is submitted goes to INBOX/1, INBOX/2 and so on, byte for byte. The first word of a task says what is reported:
# DONE, ERROR, WAIT, HELP, QUIET (nothing), PROSE (only talk), END (the program ends), others DONE.
#
# Habits: burst (Enter right after a paste is a line break), loses (the first Enter is lost), stuck (every Enter is),
# deaf (shows nothing of what is put in), folds (shows long texts as `[Pasted text #1]`), hides (no box while it works).

inbox=$1 bullet=$2
shift 2
habits=" $* "
draft='' box_rows=0 submitted=0 lost=0
columns=$(stty size | cut -d ' ' -f 2)
rule=$(printf '─%.0s' $(seq $((columns - 2))))

has() { [[ $habits == *" $1 "* ]]; }

main() {
    stty raw -echo
    printf '\e[?2004h'
    draw_box
    tmux wait-for -S "ready$TMUX_PANE"
    local key
    while IFS= read -rN1 key; do
        case $key in
            $'\e') take_paste ;;
            $'\r' | $'\n') take_enter ;; # `read` lets the terminal turn one into the other
            *) draft+=$key ;;
        esac
        draw_box
    done
}

take_paste() {
    local chunk key
    IFS= read -r -d '~' chunk
    [ "$chunk" = '[200' ] || return
    while IFS= read -r -d '~' chunk; do
        if [[ $chunk == *$'\e[201' ]]; then draft+=${chunk%$'\e[201'} && break; fi
        draft+=$chunk~
    done
    if has burst; then
        draw_box
        if IFS= read -rN1 -t 0.1 key; then draft+=$'\n'; fi
    fi
}

take_enter() {
    if has stuck || { has loses && [ $lost = 0 ]; }; then
        lost=1
        return
    fi
    [ -n "$draft" ] || return
    submitted=$((submitted + 1))
    printf '%s' "$draft" >"$inbox/.new"
    mv "$inbox/.new" "$inbox/$submitted"
    clear_box
    shown | sed $'1s/^/> /; 2,$s/^/  /; s/$/\r/'
    printf '\r\n'
    box_rows=0
    local text=$draft
    draft=''
    has hides || draw_box
    answer "$text"
}

answer() {
    local mark task word rest
    read -r mark task word rest <<<"$1"
    [ "$mark" = '[TASK]' ] || { say ready && return; }
    [ "$word" = END ] && exit 3
    say "[ACK] $task"
    case $word in
        QUIET) ;;
        PROSE) say "I write [DONE] $task when it is finished." ;;
        ERROR | WAIT | HELP) say "[$word] $task $rest" ;;
        *) say "[DONE] $task" ;;
    esac
}

# As agents do: wrapped by words, indented below the bullet.
say() {
    clear_box
    printf '%s\n' "$1" | fold -s -w $((columns - 4)) | sed $'s/ *$//; 1s/^/'"$bullet"$'/; 2,$s/^/  /; s/$/\r/'
    printf '\r\n'
}

shown() {
    if has folds && [ ${#draft} -gt 200 ]; then
        echo '[Pasted text #1 +9 lines]'
    else
        printf '%s\n' "$draft" | fold -w $((columns - 6)) | tail -n 12
    fi
}

draw_box() {
    clear_box
    local lines='> '
    if [ -n "$draft" ] && ! has deaf; then lines=$(shown | sed '1s/^/> /; 2,$s/^/  /'); fi
    printf '╭%s╮\r\n' "$rule"
    printf '%s\n' "$lines" | sed $'s/^/│ /; s/$/\r/'
    printf '╰%s╯\r\n  ? for shortcuts' "$rule"
    box_rows=$(($(printf '%s\n' "$lines" | wc -l) + 2))
}

clear_box() {
    [ "$box_rows" = 0 ] || printf '\e[%dA' "$box_rows"
    printf '\r\e[J'
    box_rows=0
}

main
