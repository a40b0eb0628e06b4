"""Keeps what hooks say from filling the model's window: what is too long goes to a file, and its beginning is shown."""

import logging
from pathlib import Path

from msgspec import structs

from tianting.extensions.hooks.outcome import HookOutcome
from tianting.plumbing.atomic_file import write_atomically
from tianting.plumbing.json_lines import make_private_directory
from tianting.protocol.ids import NewId

log = logging.getLogger(__name__)

LONGEST = 10_000
"""Characters of one text that stay in the history."""
_SHOWN = 2_000


class Spill:
    """Shortens texts. Files come to be in `directory`, readable by their owner alone."""

    def __init__(self, directory: Path, new_id: NewId) -> None:
        self._directory = directory
        self._new_id = new_id

    def shortened(self, outcome: HookOutcome) -> HookOutcome:
        """`outcome` with every text that somebody reads cut to `LONGEST`."""
        return structs.replace(
            outcome,
            blocked=None if outcome.blocked is None else self._fit(outcome.blocked),
            permission_reason=self._fit(outcome.permission_reason),
            contexts=tuple(self._fit(text) for text in outcome.contexts),
            stop=None if outcome.stop is None else self._fit(outcome.stop),
            messages=tuple(self._fit(text) for text in outcome.messages),
        )

    def _fit(self, text: str) -> str:
        if len(text) <= LONGEST:
            return text
        path = self._directory / f"hook-{self._new_id()}.txt"
        try:
            make_private_directory(self._directory)
            write_atomically(path, text.encode(), mode=0o600)
        except OSError as error:
            log.warning("the output of a hook could not be kept in %s: %s", path, error)
            return f"{text[:_SHOWN]}\n[... {len(text) - _SHOWN:,} characters left out ...]"
        return f"{text[:_SHOWN]}\n[clipped: {len(text):,} characters; all of it in {path}, Grep it]"
