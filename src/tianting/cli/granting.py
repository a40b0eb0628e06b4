"""Where a person's "yes, and do not ask again" goes: into the session's rules, and the project's local settings."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tianting.protocol.errors import ConfigError
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.settings.editing import save_grant
from tianting.settings.levels import Places
from tianting.settings.loading import Loaded

if TYPE_CHECKING:
    from tianting.permissions.session_judge import SessionJudge


class LocalGrants:
    """`permissions.decision.Grants` that last in `.tianting/settings.local.json`."""

    def __init__(self, judge: "Callable[[], SessionJudge]", places: Places, loaded: Loaded) -> None:
        self._judge = judge
        self._places = places
        self._may_last = not loaded.settings.allow_managed_permission_rules_only

    def offered(self, call: ToolCall, accesses: tuple[Access, ...]) -> tuple[str, ...]:
        """Rules that would spare the question; none where an administrator leaves rules to nobody else."""
        return self._judge().suggestions(call, accesses) if self._may_last else ()

    def grant(self, rules: tuple[str, ...], *, lasting: bool) -> str:
        """Let `rules` hold. What cannot be saved holds for the session all the same."""
        self._judge().grant(rules, "this session")
        if not lasting:
            return ""
        try:
            return f"Saved in {save_grant(self._places, rules, time.time())}."
        except ConfigError as error:
            return f"It holds for this session only: {error}"
