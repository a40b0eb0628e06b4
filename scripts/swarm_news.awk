# Tells what is new between two looks at all windows: without it the same report would be told with every look.
#
#   awk -f swarm_news.awk part=known FILE part=now FILE      -> window <tab> event <tab> task <tab> text
#
# Both hold lines of pane <tab> window <tab> WORD <tab> id <tab> text: first one with READ or SKIP for each window, then
# SENT with a stamp for each task that it was given, then the reports on its screen. Without anything known, the last of
# each window is told. The same report is news only once each time that its task is sent, however often it is drawn.

BEGIN { FS = "\t" }
NF < 5 { next }
{ report = $3 "\t" $4 "\t" $5 }
part == "known" { known = 1; name[$1] = $2 }
part == "known" && $3 == "SENT" { stamp[$1, $4] = $5; next }
part == "known" && ($3 == "READ" || $3 == "SKIP") { was[$1] = $3; next }
part == "known" { old[$1, ++olds[$1]] = report; told[$1, stamp[$1, $4], report]; next }
{ name[$1] = $2 }
$3 == "SENT" { stamp[$1, $4] = $5; next }
$3 == "READ" || $3 == "SKIP" { is[$1] = $3; why[$1] = report; order[++panes] = $1; next }
{ new[$1, ++news[$1]] = report; is_told[$1, news[$1]] = ($1 SUBSEP stamp[$1, $4] SUBSEP report) in told }

END {
    for (i = 1; i <= panes; i++) {
        pane = order[i]
        for (j = known ? same(pane) + 1 : news[pane]; j <= news[pane]; j++)
            if (! is_told[pane, j]) tell(pane, new[pane, j])
        if (is[pane] == "SKIP" && was[pane] != "SKIP") tell(pane, why[pane])
    }
    for (pane in was) if (! (pane in is)) tell(pane, "SKIP\t\tits window was closed")
}

# How many of the reports now are the end of those that were known: older ones may have left at the top.
function same(pane,    dropped, i) {
    for (dropped = 0; dropped < olds[pane]; dropped++) {
        for (i = 1; i <= olds[pane] - dropped && old[pane, dropped + i] == new[pane, i]; i++) ;
        if (i > olds[pane] - dropped) return olds[pane] - dropped
    }
    return 0
}

function tell(pane, report) {
    if (report == "") return
    sub(/^ACK/, "START", report)
    print name[pane] "\t" report
}
