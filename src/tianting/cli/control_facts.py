"""What a client is told of models, rules and context: looked up in the parts, said in the protocol's words."""

from typing import Any

import msgspec

from tianting.cli.running import Running
from tianting.models.length_estimate import estimate_tokens
from tianting.protocol.control_answers import (
    ContextCategory,
    ContextUsage,
    ModelChoice,
    PermissionRule,
    PermissionRules,
    WorkspaceDirectory,
)
from tianting.protocol.model_catalogue import ALIASES, ModelCatalogue, ModelInfo
from tianting.protocol.requests import Effort
from tianting.session.session import Session
from tianting.settings.levels import Level
from tianting.settings.schema import Settings

_SOURCES: dict[Level, str] = {
    "managed": "policySettings",
    "command line": "flagSettings",
    "local": "localSettings",
    "project": "projectSettings",
    "user": "userSettings",
}
_SECRET_PARTS = {"env", "headers", "providers"}
"""Wherever they stand in the settings."""
_FLAGS = "cliArg"
_SESSION = "session"
_EFFORTS: tuple[Effort, ...] = ("low", "medium", "high", "xhigh", "max")


def shown_settings(settings: Settings) -> dict[str, Any]:
    """What is in force, less what may hold a key: clients log what they are told."""
    shown: dict[str, Any] = _without_secrets(msgspec.to_builtins(settings))
    return shown


def model_choices(catalogue: ModelCatalogue, default: ModelInfo) -> tuple[ModelChoice, ...]:
    """What can be named: the default, the short names, and all that the catalogue knows."""
    named = [("default", default), *((alias, catalogue.lookup(model)) for alias, model in ALIASES.items())]
    return tuple(_choice(name, info) for name, info in (*named, *((info.id, info) for info in catalogue)))


def permission_rules(running: Running) -> PermissionRules:
    """Every rule that holds, and who said it."""
    sources = {source.name: _SOURCES[source.level] for source in running.ground.loaded.sources}
    lines = running.permissions().rules
    return PermissionRules(
        rules=tuple(
            PermissionRule(rule=line.text, behavior=line.behaviour, source=_source(line.source, sources))
            for line in lines
        ),
        workspace_directories=tuple(
            WorkspaceDirectory(path=str(path), source=_SESSION) for path in running.workspace.additional
        ),
        original_cwd=str(running.ground.cwd),
        managed_only=running.ground.settings.allow_managed_permission_rules_only,
    )


def context_usage(session: Session, catalogue: ModelCatalogue) -> ContextUsage:
    """How full the window is, by the provider's own count of the newest request; its parts are estimated."""
    shape, window = session.shape, catalogue.lookup(session.shape.model).context_window
    system = estimate_tokens(msgspec.json.encode(shape.system))
    tools = estimate_tokens(msgspec.json.encode(shape.tools))
    counted = session.last_usage
    total = counted.context_tokens if counted else system + tools + _estimated(session)
    used = {"System prompt": system, "Tools": tools, "Messages": max(total - system - tools, 0)}
    colours = ("gray", "cyan", "purple")
    return ContextUsage(
        categories=(
            *(
                ContextCategory(name=name, tokens=tokens, color=colour)
                for (name, tokens), colour in zip(used.items(), colours, strict=True)
            ),
            ContextCategory(name="Free space", tokens=max(window - total, 0), color="none", kind="free"),
        ),
        total_tokens=total,
        max_tokens=window,
        raw_max_tokens=window,
        percentage=round(100 * total / window, 1),
        model=shape.model,
    )


def _without_secrets(said: Any) -> Any:
    match said:
        case dict():
            return {name: _without_secrets(value) for name, value in said.items() if name not in _SECRET_PARTS}
        case list() | tuple():
            return [_without_secrets(value) for value in said]
        case _:
            return said


def _choice(name: str, info: ModelInfo) -> ModelChoice:
    thinks = info.thinking == "adaptive" or info.family in {"gpt", "codex"}
    return ModelChoice(
        value=name,
        resolved_model=info.id,
        display_name=name,
        description=f"{info.id}, a window of {info.context_window:,} tokens",
        supports_effort=thinks,
        supported_effort_levels=_EFFORTS if thinks else (),
    )


def _source(name: str, sources: dict[str, str]) -> str:
    """Whoever granted a rule in this session is the session; flags are the command's."""
    if name.startswith("--"):
        return sources.get(name, _FLAGS)
    return next((word for known, word in sources.items() if name.startswith(known)), _SESSION)


def _estimated(session: Session) -> int:
    return estimate_tokens(msgspec.json.encode(session.history))
