# Tells how far from the bottom of a screen a text stands: without it nobody knows whether Enter submitted what was
# pasted.
#
#   awk -f swarm_draft.awk column=0 line=23 cursor=1 part=text FILE part=screen FILE     -> rows below | gone
#
# A text that waits in the input has nothing below it but a frame and hints, and their number stays. Once submitted it
# moves up, a new prompt or an answer appears below it, or it leaves the screen. A line break added to the input is a
# blank row, which is not counted; a spinner changes and does not grow. Known by its last characters, or by what agents
# show instead of a long paste. A row with the sign of a prompt counts 1000: it is the surest.
#
# `column`, `line` and `cursor` are the cursor's place and whether it is shown. To be run with LC_ALL=C.

BEGIN {
    NEEDLE = 24  # bytes
    frame = "[ \t|]"
    count = split("▌ ▐ ▎ ▏ ─ ━ │ ┃ ┌ ┏ ┐ ┓ └ ┗ ┘ ┛ ├ ┤ ═ ║ ╔ ╗ ╚ ╝ ╭ ╮ ╯ ╰", side, " ")
    for (i = 1; i <= count; i++) frame = frame "|" side[i]
}

part == "text" { tail = last_bytes(tail squeezed(last_bytes($0, 20 * NEEDLE)), NEEDLE); next }

{
    gsub(/\302\240/, " ")
    all = all squeezed($0)
    end[++rows] = length(all)
    gsub(frame, "")
    weight[rows] = $0 == "" ? 0 : $0 ~ /^(❯|›|>)/ ? 1000 : 1
}

END {
    place = end_of_last(tail)
    pasted = end_of_last("[PastedContent")
    if (! pasted) pasted = end_of_last("[Pastedtext")
    if (pasted > place) place = pasted
    print place ? rows_below(place) : "gone"
}

function rows_below(place,    at, below, i) {
    for (at = 1; end[at] < place; at++) ;
    for (i = at + 1; i <= rows; i++) below += weight[i]
    # Programs that only read lines show nothing below, but the cursor has gone to the next.
    if (cursor && column == 0 && line + 1 - at > below) below = line + 1 - at
    return below + 0
}

function end_of_last(needle,    from, place) {
    if (needle == "") return 0
    while ((place = index(substr(all, from + 1), needle)) > 0) from += place
    return from ? from + length(needle) - 1 : 0
}

function squeezed(line) {
    gsub(frame "|❯|›|>", "", line)
    return line
}

function last_bytes(text, most) {
    return length(text) > most ? substr(text, length(text) - most + 1) : text
}
