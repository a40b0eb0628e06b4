"""What a run is said to have shown: promises and what became of them, recovery times, and what failed and why."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from chaos.ledger import Ledger, Recovery, Turn

SURVIVAL = 0.999
"""Share of the acknowledged prompts that must be answered rightly."""
_SHOWN = 25


class Found(Struct, frozen=True, kw_only=True):
    """What was looked for when all was over; empty is good."""

    orphans: Sequence[str]
    lost_files: Sequence[str]
    lost_notes: Sequence[str]
    doubled_notes: Sequence[str]
    failed_windows: Sequence[str]
    """Given up, or waiting for a person."""


class Promise(Struct, frozen=True, kw_only=True):
    """One line of the verdict."""

    name: str
    found: str
    wanted: str
    kept: bool


def promises(ledger: Ledger, found: Found) -> list[Promise]:
    """What a fleet promises, and whether it did it."""
    counts = {
        "acknowledged prompts lost": ledger.lost,
        "orphans": found.orphans,
        "uncommitted files lost": found.lost_files,
        "answered, and not written": found.lost_notes,
        "written twice": found.doubled_notes,
    }
    survival = Promise(
        name="turns answered rightly",
        found=f"{ledger.survival:.2%}",
        wanted=f"≥ {SURVIVAL:.1%}",
        kept=ledger.survival >= SURVIVAL,
    )
    return [
        survival,
        *(Promise(name=name, found=str(len(what)), wanted="0", kept=not what) for name, what in counts.items()),
    ]


def report(ledger: Ledger, found: Found, unacknowledged: int) -> str:
    """All of it, for people."""
    right = sum(turn.is_right for turn in ledger.turns.values())
    turns = f"turns acknowledged {len(ledger.turns)}, answered rightly {right}, otherwise {len(ledger.wrong)}"
    lines = [
        f"{turns}, never {len(ledger.lost)}; {unacknowledged} more were not acknowledged",
        "",
        f"{'promise':<28}{'found':>10}{'wanted':>10}",
        *(_promise(one) for one in promises(ledger, found)),
        "",
        f"{'recovery after, s':<28}{'faults':>8}{'windows':>9}{'median':>9}{'p95':>9}{'most':>9}{'never':>7}",
        *(_recovery(one, ledger) for one in ledger.recoveries()),
    ]
    return "\n".join([*lines, *_failures(ledger, found)])


def _promise(one: Promise) -> str:
    return f"{one.name:<28}{one.found:>10}{one.wanted:>10}  {'kept' if one.kept else 'BROKEN'}"


def _recovery(one: Recovery, ledger: Ledger) -> str:
    faults = sum(fault == one.fault for fault, _ in ledger.struck_at)
    head = f"{one.fault:<28}{faults:>8}{len(one.times):>9}"
    if not one.times:
        return f"{head}{'-':>9}{'-':>9}{'-':>9}{one.never:>7}"
    return f"{head}{one.median:>9.2f}{one.p95:>9.2f}{max(one.times):>9.2f}{one.never:>7}"


def _failures(ledger: Ledger, found: Found) -> Iterator[str]:
    told = [
        *(f"{turn.number}: no answer" for turn in ledger.lost),
        *map(_wrong, ledger.wrong),
        *found.orphans,
        *(f"{window}: its draft is gone" for window in found.lost_files),
        *(f"{number}: not written" for number in found.lost_notes),
        *(f"{number}: written twice" for number in found.doubled_notes),
        *found.failed_windows,
    ]
    if told:
        yield ""
        yield "what failed:"
        yield from (f"  {line}" for line in told[:_SHOWN])
        if len(told) > _SHOWN:
            yield f"  … and {len(told) - _SHOWN} more"


def _wrong(turn: Turn) -> str:
    assert turn.done is not None
    if turn.done.fault is not None:
        return f"{turn.number}: {turn.done.fault.code} {turn.done.fault.message}"
    return f"{turn.number}: interrupted" if turn.done.interrupted else f"{turn.number}: {turn.done.text[:80]!r}"
