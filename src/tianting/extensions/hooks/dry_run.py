"""Tries hooks on an event that did not happen, so that a guard can be trusted before it is needed.

What the hooks do, they do: their programs run. Nothing follows from what they say.
"""

from msgspec import Struct

from tianting.extensions.hooks.events import HookInput
from tianting.extensions.hooks.matching import Holds, always
from tianting.extensions.hooks.outcome import HookOutcome, joined
from tianting.extensions.hooks.runner import HookRunner


class Trial(Struct, frozen=True, kw_only=True):
    """One hook of the event."""

    source: str
    place: str
    title: str
    passed_over: str = ""
    """Why it does not run; empty where it does."""
    outcome: HookOutcome | None = None
    """What it said, and in `outcome.records` how; None where it did not run."""


class DryRun(Struct, frozen=True, kw_only=True):
    """All hooks of the event, in the order they are configured, and what they come to together."""

    trials: tuple[Trial, ...]
    outcome: HookOutcome


async def dry_run(runner: HookRunner, hook_input: HookInput, holds: Holds = always) -> DryRun:
    """Ask each hook of the event in turn."""
    trials = []
    for one in runner.selection(hook_input, holds):
        outcome = None if one.passed_over else await runner.ask(one.hook, hook_input)
        trials.append(
            Trial(
                source=one.hook.source,
                place=one.hook.place,
                title=one.hook.title,
                passed_over=one.passed_over,
                outcome=outcome,
            )
        )
    said = [trial.outcome for trial in trials if trial.outcome is not None]
    return DryRun(trials=tuple(trials), outcome=joined(said))
