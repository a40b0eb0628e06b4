# Finds what a worker reports in what its screen says: without it a quoted word would pass for a finished task.
#
#   awk -f swarm_markers.awk columns=80 part=typed FILE part=sent FILE part=screen FILE     -> WORD <tab> id <tab> text
#
#   text    a text that is to be put in: it is printed as `typed` wants it
#   typed   id <tab> text                                what was put in, oldest first: its echo does not count
#   sent    sent <tab> id <tab> stamp                    a task that was given
#           before <tab> id <tab> WORD <tab> id <tab> text    what was there of this task when it was sent
#           last <tab> WORD <tab> id <tab> text          what was there when the last one was sent
#   ID      in the environment: only this task's reports
#
# To be run with LC_ALL=C, so that every awk counts the same.

BEGIN {
    wanted = ENVIRON["ID"]
    if (wanted != "") known[wanted]
    side = alternatives("| ▌ ▐ ▎ ▏ ─ ━ │ ┃ ┄ ┅ ┆ ┇ ┈ ┉ ┊ ┋ ┌ ┍ ┎ ┏ ┐ ┑ ┒ ┓ └ ┕ ┖ ┗ ┘ ┙ ┚ ┛ ├ ┝ ┠ ┣ ┤ ┥ ┨ ┫ ┬ ┴ ┼ ═ ║ ╒ ╓ ╔ ╕ ╖ ╗ ╘ ╙ ╚ ╛ ╜ ╝ ╞ ╟ ╠ ╡ ╢ ╣ ╭ ╮ ╯ ╰ ╴ ╵ ╶ ╷ ╸ ╹ ╺ ╻")
    bullet = alternatives("● ⏺ • ◦ ▪ ‣ · * -")
    sign = "(❯|›|>)"
    name = "\\[(TASK|ACK|DONE|ERROR|WAIT|HELP)\\](\\*\\*)?:?"
    SPARE = 4     # columns that programs leave free at the right
    CONTEXT = 16  # characters above by which an echo is known that does not begin at its beginning
    SHORTEST = 8
}

part == "text" { printf "%s", squeezed($0); next }
part == "typed" {
    typed[++texts] = after($0, 1)
    if (wanted == "" || index($0, wanted "\t") == 1) current = typed[texts]
    next
}
part == "sent" { split($0, field, "\t"); remember(); next }
{ gsub(/\302\240/, " "); sub(/[ \t]+$/, ""); row[++rows] = $0 }

END {
    for (at = 1; at <= rows; at++) {
        follow_typing(row[at])
        if (begins_current(row[at])) above_current = found
        if (index(row[at], "[") && ! by_hand) at += take(at)
    }
    for (i = seen_before() + 1; i <= found; i++) print marker[i]
}

function remember() {
    if (field[1] == "sent") known[field[2]]
    else if (wanted != "" && field[1] == "before" && field[2] == wanted) seen[++seen_count] = after($0, 2)
    else if (wanted == "" && field[1] == "last") seen[++seen_count] = after($0, 1)
}

# Signs of a prompt at the very start of a line, and what is indented below, are what somebody typed. Where it is a
# text we know, it ends with that text.
function follow_typing(line,    bare, i) {
    bare = squeezed(line)
    if (line ~ /^[^ \t]/) {
        by_hand = line ~ ("^" sign)
        for (i = following = 0; by_hand && i <= texts; i++)
            if (i && bare != "" && index(typed[i], bare) == 1) { following = i; reached = length(bare) }
    } else if (following && bare != "") {
        if (reached >= length(typed[following])) by_hand = following = 0
        else if (substr(typed[following], reached + 1, length(bare)) == bare) reached += length(bare)
        else following = 0
    }
}

# Takes the marker that begins in this row, if one does. Returns how many rows below belong to it.
function take(at,    line, more, length_above) {
    line = undecorated(row[at])
    if (line !~ ("^" name "([ \t]|$)") || is_echo(at)) return 0
    length_above = width(row[at])
    while (at + more < rows && goes_on(row[at + more + 1], length_above)) {
        more++
        line = line " " trimmed(row[at + more])
        length_above = width(row[at + more])
    }
    count(line)
    return more
}

# Whether the row was wrapped off one above that was so long: indented, no item, and its first word had no room there.
function goes_on(line, length_above,    first) {
    if (line !~ /^[ \t]/ && line !~ ("^" side)) return 0
    if (undecorated(line) ~ ("^" name) || line ~ ("^([ \t]|" side ")*(" bullet "|" sign "|[0-9]+[.)])[ \t]")) return 0
    first = trimmed(line)
    sub(/[ \t].*/, "", first)
    return first != "" && length_above + 1 + width(first) > columns - SPARE
}

function count(line,    word, rest, id) {
    word = substr(line, 2, index(line, "]") - 2)
    sub("^" name "[ \t]*(\\*\\*)?", "", line)
    rest = line
    sub(/[ \t].*/, "", line)
    id = id_of(line)
    if (id == "" || (wanted != "" && id != wanted)) return
    rest = substr(rest, length(id) + 1)
    sub(/^([ \t.:!?)*,;-]|–|—)+/, "", rest)
    sub(/[ \t*]+$/, "", rest)
    marker[++found] = word "\t" id "\t" rest
}

# A task's id, which punctuation may follow. Ids we know may hold anything; others nothing that looks like a quotation.
function id_of(word,    id, best) {
    for (id in known)
        if (index(word, id) == 1 && substr(word, length(id) + 1) ~ /^[.:!?)*,;]*$/ && length(id) > length(best)) best = id
    if (best != "") return best
    sub(/[.:!?)*,;]+$/, "", word)
    return word ~ /[][<>"'`,;]/ ? "" : word
}

# The row stands in a text that was typed, and what stands above it on the screen stands before it in the text, too: up
# to the beginning, or far enough. A worker that writes the same line by itself writes it below something else.
function is_echo(at,    bare, i, place, from) {
    bare = squeezed(row[at])
    for (i = 1; i <= texts; i++) {
        from = 0
        while ((place = index(substr(typed[i], from + 1), bare)) > 0) {
            from += place
            if (stands_below(at, substr(typed[i], 1, from - 1))) return 1
        }
    }
    return 0
}

function stands_below(at, before,    bare, all) {
    all = length(before)
    while (before != "" && all - length(before) < CONTEXT && --at > 0) {
        bare = squeezed(row[at])
        if (length(bare) >= length(before)) return ends_with(bare, before) && all >= SHORTEST
        if (! ends_with(before, bare)) return 0
        before = substr(before, 1, length(before) - length(bare))
    }
    return at > 0
}

# Whether the text of the task we wait for begins in this row.
function begins_current(line,    bare) {
    bare = squeezed(line)
    return length(bare) >= SHORTEST && (index(current, bare) == 1 || (current != "" && index(bare, current) == 1))
}

# How many of the markers were there when the task was sent. Where programs clear the screen and draw it again, tmux
# keeps both in its history; then what stands above the task on the screen is old as well.
function seen_before(    old) {
    old = still_there()
    return seen_count && above_current > old ? above_current : old
}

# Rows may have left at the top since, so the longest end of what was seen that is the beginning of what is there now.
function still_there(    dropped, i) {
    for (dropped = 0; dropped < seen_count; dropped++) {
        for (i = 1; i <= seen_count - dropped && seen[dropped + i] == marker[i]; i++);
        if (i > seen_count - dropped) return seen_count - dropped
    }
    return 0
}

function undecorated(line) {
    do {
        while (sub("^([ \t]|" side ")+", "", line)) ;
    } while (sub("^" bullet "[ \t]+", "", line))
    if (line ~ /^\*\*\[/) line = substr(line, 3)
    sub("([ \t]|" side ")+$", "", line)
    return line
}

function trimmed(line) {
    sub("^([ \t]|" side ")+", "", line)
    sub("([ \t]|" side ")+$", "", line)
    return line
}

# What a frame, a prompt and wrapping leave of a text.
function squeezed(line) {
    gsub("([ \t]|" side "|" sign ")", "", line)
    return line
}

function ends_with(text, end) {
    return substr(text, length(text) - length(end) + 1) == end
}

# Columns, nearly: bytes that only continue a character are not counted.
function width(line) {
    gsub(/[\200-\277]/, "", line)
    return length(line)
}

function after(line, fields) {
    while (fields-- > 0) line = substr(line, index(line, "\t") + 1)
    return line
}

function alternatives(list) {
    gsub(/[|*]/, "[&]", list)
    gsub(/ /, "|", list)
    return "(" list ")"
}
