"""A runner of hooks in a throw-away project."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tianting.extensions.hooks.events import Circumstances, HookEvent, HookInput
from tianting.extensions.hooks.launch import CommandSurroundings
from tianting.extensions.hooks.question import AskModel
from tianting.extensions.hooks.reading import read_hooks
from tianting.extensions.hooks.runner import HookRunner, HookSetting
from tianting.extensions.hooks.schema import Hook

MakeRunner = Callable[..., HookRunner]
MakeInput = Callable[[HookEvent], HookInput]


@pytest.fixture
def given(tmp_path: Path) -> MakeInput:
    """Puts an event into the circumstances of the test's project."""
    circumstances = Circumstances(session_id="session-1", transcript_path="/t.jsonl", cwd=str(tmp_path))
    return lambda event: HookInput(event=event, circumstances=circumstances)


@pytest.fixture
def make_runner(tmp_path: Path) -> MakeRunner:
    """Builds a runner from the `hooks` of a settings file, or from hooks."""

    def make(
        hooks: dict[str, Any] | list[Hook],
        *,
        environment: dict[str, str] | None = None,
        allowed_urls: tuple[str, ...] | None = None,
        ask_model: AskModel | None = None,
    ) -> HookRunner:
        numbers = itertools.count(1)
        surroundings = CommandSurroundings(
            environment={"PATH": "/usr/bin:/bin", **(environment or {})},
            project_directory=tmp_path,
            variables_file=tmp_path / "spill" / "variables.sh",
        )
        return HookRunner(
            hooks if isinstance(hooks, list) else read_hooks(hooks, "settings.json").hooks,
            HookSetting(surroundings=surroundings, spill_directory=tmp_path / "spill", allowed_urls=allowed_urls),
            new_id=lambda: f"id-{next(numbers)}",
            ask_model=ask_model,
        )

    return make
