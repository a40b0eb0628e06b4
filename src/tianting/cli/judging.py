"""From settings and flags to a judge: which rules hold, and on what ground.

The judge is built at the first call. Before the first request rules are only read, and only where there are any: a
rule that is not understood must stop the program, not the first call.
"""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from tianting.protocol.errors import ConfigError
from tianting.protocol.events import PermissionMode
from tianting.settings.loading import Loaded
from tianting.settings.statements import Statement
from tianting.tools.workspace import Workspace

if TYPE_CHECKING:
    from tianting.cli.covered_names import CoveredNames
    from tianting.permissions.questions import Ground, OtherNames
    from tianting.permissions.rule_text import Behaviour, PathPattern, RuleLine
    from tianting.permissions.rule_text import Places as RulePlaces
    from tianting.permissions.ruleset import Ruleset
    from tianting.permissions.script import Script, Unreadable
    from tianting.permissions.session_judge import SessionJudge

_BEHAVIOURS: tuple["Behaviour", ...] = ("deny", "ask", "allow")


class Flags(Struct, frozen=True, kw_only=True):
    """Rules that were given with the command, as they were given."""

    allowed: tuple[str, ...] = ()
    disallowed: tuple[str, ...] = ()


def permission_mode(*, skip: bool, asked_for: PermissionMode | None, loaded: Loaded) -> PermissionMode:
    """Flags first, then the settings. Raises `ConfigError` for a mode that the settings disable.

    What a session had before does not count: nobody sees it in the command.
    """
    permissions = loaded.settings.permissions
    mode = "bypassPermissions" if skip else asked_for or permissions.default_mode or "default"
    if mode == "bypassPermissions" and permissions.disable_bypass_permissions_mode:
        [said, *_] = loaded.about("permissions", "disableBypassPermissionsMode")
        raise ConfigError(f"bypassPermissions is disabled by {said.place}: choose another --permission-mode.")
    return mode


def late_judge(
    loaded: Loaded, flags: Flags, mode: PermissionMode, workspace: Workspace, spill: Path
) -> Callable[[], "SessionJudge"]:
    """Builds the judge of a session when first called, and gives that one ever after.

    Raises `ConfigError` at once for a rule that is not understood.
    """
    has_rules = loaded.about("permissions") or flags.allowed or flags.disallowed
    checked = ruleset(loaded, flags, workspace) if has_rules else None

    @cache
    def judge() -> "SessionJudge":
        from tianting.permissions.session_judge import SessionJudge

        return SessionJudge(
            mode=mode,
            ruleset=(checked or ruleset(loaded, flags, workspace)).with_lines(_own_outputs(spill)),
            ground=ground(workspace),
            cwd=lambda: str(workspace.shell_directory),
        )

    return judge


def ruleset(loaded: Loaded, flags: Flags, workspace: Workspace, *, with_lines: bool = False) -> "Ruleset":
    """Every rule that holds. `with_lines` names each with its line, which costs a look at the text.

    Raises `ConfigError` naming the place of a rule that is not understood.
    """
    from tianting.permissions.path_facts import folds_case
    from tianting.permissions.rule_text import Places
    from tianting.permissions.ruleset import Ruleset

    root = str(workspace.root)
    places = Places(root, _real_home(), folds_case(root))
    said = [
        (statement, _line(statement, behaviour, with_lines=with_lines))
        for behaviour in _BEHAVIOURS
        for statement in loaded.about("permissions", behaviour)
    ]
    given = _from_flags(loaded, flags)
    try:
        return Ruleset.compile([*(line for _, line in said), *given], places)
    except ConfigError:
        lines = [line for statement, line in said if _is_understood(statement, line, places)]
        return Ruleset.compile([*lines, *given], places)


def ground(workspace: Workspace) -> "Ground":
    """What the judge stands on."""
    from tianting.permissions.path_facts import LocalPaths, folds_case
    from tianting.permissions.questions import Ground

    folds = folds_case(str(workspace.root))
    return Ground(
        root=str(workspace.root),
        additional=tuple(map(str, workspace.additional)),
        home=_real_home(),
        facts=LocalPaths(),
        read_script=_read_script,
        other_names=_other_names(folds_case=folds),
        folds_case=folds,
    )


def _other_names(*, folds_case: bool) -> "OtherNames":
    """What finds the hard links that rules speak of: loaded for the first file that has several names."""

    @cache
    def covered() -> "CoveredNames":
        from tianting.cli.covered_names import CoveredNames

        return CoveredNames(folds_case=folds_case)

    def names(patterns: "tuple[PathPattern, ...]", path: str, directories: tuple[str, ...]) -> tuple[str, ...] | None:
        return covered().of(patterns, path, directories)

    return names


def _line(statement: Statement, behaviour: "Behaviour", *, with_lines: bool) -> "RuleLine":
    from tianting.permissions.rule_text import RuleLine

    return RuleLine(
        text=statement.value,
        behaviour=behaviour,
        source=statement.place if with_lines else statement.source.name,
        directory=_directory(statement),
    )


def _is_understood(statement: Statement, line: "RuleLine", places: "RulePlaces") -> bool:
    """Whether to count it. Raises `ConfigError`, except for what another agent was allowed in words we do not know."""
    from tianting.permissions.rule_text import read_rule

    try:
        read_rule(line, places)
    except ConfigError as error:
        if statement.source.foreign and line.behaviour == "allow":
            return False
        raise ConfigError(f"{statement.place}: {error}") from None
    return True


def _from_flags(loaded: Loaded, flags: Flags) -> "list[RuleLine]":
    from tianting.permissions.rule_lists import split_rules
    from tianting.permissions.rule_text import RuleLine

    allowed: Sequence[str] = split_rules(flags.allowed)
    if allowed and loaded.settings.allow_managed_permission_rules_only:
        raise ConfigError("--allowedTools: an administrator leaves allow rules to managed settings; leave it out.")
    denied = split_rules(flags.disallowed)
    return [
        *(RuleLine(text=rule, behaviour="deny", source="--disallowedTools") for rule in denied),
        *(RuleLine(text=rule, behaviour="allow", source="--allowedTools") for rule in allowed),
    ]


def _own_outputs(spill: Path) -> "RuleLine":
    """Results name files that hold the rest of an output, so reading them must not ask."""
    from tianting.permissions.rule_text import RuleLine
    from tianting.permissions.suggestions import escaped_path

    return RuleLine(
        text=f"Read(/{escaped_path(str(spill.resolve()))})", behaviour="allow", source="outputs of this session"
    )


def _directory(statement: Statement) -> str:
    directory = statement.source.directory
    return "" if directory is None else os.path.realpath(directory)


def _real_home() -> str:
    return os.path.realpath(Path.home())


def _read_script(text: str) -> "Script | Unreadable":
    """The parser of shell text, which is loaded by the first command and not before."""
    from tianting.permissions.shell.syntax import read_script

    return read_script(text)
