"""What `tianting doctor` looks at: each examination says how things stand, why, and what to do."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import anyio
import anyio.to_thread
from msgspec import Struct

from tianting.cli.sandbox import attacked
from tianting.models.naming import resolve
from tianting.protocol.errors import ConfigError
from tianting.settings.loading import Loaded
from tianting.settings.providers import default_model, find_key, known_providers

State = Literal["healthy", "degraded", "unhealthy"]
_ORDER: tuple[State, ...] = ("healthy", "degraded", "unhealthy")
MEGABYTE = 1_000_000
PATIENCE = 10.0
"""Seconds for a program or a server to answer."""
_VERSION = re.compile(r"\d+(\.\d+)+")
_PROGRAMS = {
    "git": "Without it there is no undo, and the model is not told what changed. Install git.",
    "rg": "Searches take a slower way. Install ripgrep.",
    "bash": "Commands run in sh, which knows less. Install bash.",
}
"""What is missing without each, and what to do."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    name: str
    state: State
    reason: str
    advice: str = ""
    """What to do; empty where nothing is to be done."""


class Patient(Struct, frozen=True, kw_only=True):
    """What is examined."""

    cwd: Path
    home: Path
    """The agent's own directory."""
    environment: dict[str, str]
    loaded: Loaded
    complaint: str = ""
    """Why the settings could not be read; empty where they could."""
    online: bool = False
    """Whether the model's server may be called."""


async def examine(patient: Patient) -> list[Finding]:
    """Everything, in the order it is shown. Takes a few seconds; never raises."""
    return [
        await _model(patient),
        *_settings(patient),
        _directory("home", patient.home, "unhealthy", "sessions cannot be kept"),
        _directory("project", patient.cwd, "degraded", "nothing can be changed here"),
        memory(_text(Path("/proc/meminfo"))),
        _disk(patient.home),
        await _sandbox(patient),
        *[await anyio.to_thread.run_sync(_program, name, patient.environment) for name in _PROGRAMS],
    ]


def worst(findings: Iterable[Finding]) -> State:
    """How things stand all in all."""
    return max((finding.state for finding in findings), key=_ORDER.index, default="healthy")


async def _model(patient: Patient) -> Finding:
    settings, environment = patient.loaded.settings, patient.environment
    try:
        name = default_model(settings, environment)
        provider, model = resolve(name, known_providers(settings, environment))
        if provider.dialect == "scripted":
            return Finding(name="model", state="healthy", reason=f"{name} is a script.")
        key = find_key(provider, environment)
    except ConfigError as error:
        return Finding(name="model", state="unhealthy", reason=str(error), advice="`tianting models` lists providers.")
    told = f"{model} of {provider.name}, key from {key.source}" if key.value else f"{model} of {provider.name}, no key"
    if not patient.online:
        return Finding(name="model", state="healthy", reason=f"{told}; --online asks whether it answers.")
    failure = await _call(provider.base_url)
    if not failure:
        return Finding(name="model", state="healthy", reason=f"{told}; {provider.base_url} answers.")
    advice = "Check the network, a proxy, and the provider's base URL."
    return Finding(name="model", state="unhealthy", reason=f"{provider.base_url}: {failure}", advice=advice)


async def _call(address: str) -> str:
    """Why nobody answers at `address`; empty where anybody does, whatever they say. Sends no key."""
    import httpx2

    try:
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            await client.get(address)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        return str(error) or type(error).__name__
    return ""


def _settings(patient: Patient) -> Iterator[Finding]:
    if patient.complaint:
        advice = "Nothing starts until this is put right."
        yield Finding(name="settings", state="unhealthy", reason=patient.complaint, advice=advice)
        return
    for warning in patient.loaded.warnings:
        yield Finding(name="settings", state="degraded", reason=warning)
    if not patient.loaded.warnings:
        count = len(patient.loaded.sources)
        yield Finding(
            name="settings", state="healthy", reason=f"{count} file{'' if count == 1 else 's'}, no complaint."
        )


def _directory(name: str, path: Path, otherwise: State, consequence: str) -> Finding:
    """Whether `path`, or what it would be made in, can be written."""
    existing = next(place for place in (path, *path.parents) if place.exists())
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return Finding(name=name, state="healthy", reason=f"{path} can be written.")
    return Finding(
        name=name,
        state=otherwise,
        reason=f"{path} cannot be written: {consequence}.",
        advice=f"Make {existing} writable, or set TIANTING_HOME." if name == "home" else f"Make {existing} writable.",
    )


def memory(meminfo: str) -> Finding:
    """From the text of /proc/meminfo (proc(5)), which is empty where there is none."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo, re.MULTILINE)
    if found is None:
        return Finding(name="memory", state="healthy", reason="How much is free cannot be told on this system.")
    free = int(found[1]) * 1024
    advice = "Close something: builds and tests of the agent need memory, too."
    return _amount("memory", free, "free", low=1_000 * MEGABYTE, least=256 * MEGABYTE, advice=advice)


def _disk(home: Path) -> Finding:
    existing = next(place for place in (home, *home.parents) if place.exists())
    advice = f"Make room: sessions and checkpoints in {home} grow."
    free = shutil.disk_usage(existing).free
    return _amount("disk", free, f"free at {existing}", low=1_000 * MEGABYTE, least=100 * MEGABYTE, advice=advice)


def _amount(name: str, free: int, what: str, *, low: int, least: int, advice: str) -> Finding:
    state: State = "unhealthy" if free < least else "degraded" if free < low else "healthy"
    reason = f"{free / MEGABYTE:,.0f} MB {what}."
    return Finding(name=name, state=state, reason=reason, advice="" if state == "healthy" else advice)


async def _sandbox(patient: Patient) -> Finding:
    """A machine that cannot confine is ill only where somebody counts on it."""
    settings = patient.loaded.settings
    otherwise: State = "unhealthy" if settings.sandbox.enabled else "degraded"
    used = "enabled" if settings.sandbox.enabled else "not enabled"
    try:
        shortcoming, results = await attacked(settings)
    except ConfigError as error:
        return Finding(name="sandbox", state=otherwise, reason=str(error))
    if failed := [result.sentence for result in results if not result.held]:
        advice = shortcoming or "`tianting sandbox check` shows each promise."
        return Finding(name="sandbox", state=otherwise, reason=f"({used}) {' '.join(failed)}", advice=advice)
    if shortcoming:
        return Finding(name="sandbox", state="degraded", reason=f"({used}) {shortcoming}", advice="Install bubblewrap.")
    return Finding(name="sandbox", state="healthy", reason=f"({used}) All {len(results)} promises hold.")


def _program(name: str, environment: dict[str, str]) -> Finding:
    path = shutil.which(name, path=environment.get("PATH"))
    if path is None:
        consequence, _, advice = _PROGRAMS[name].partition(". ")
        return Finding(name=name, state="degraded", reason=f"not found. {consequence}.", advice=advice)
    try:
        asked = [path, "--version"]
        said = subprocess.run(
            asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(name=name, state="degraded", reason=f"{path} does not run: {error}.", advice="Install it anew.")
    version = _VERSION.search(said.stdout)
    return Finding(name=name, state="healthy", reason=f"{version[0] if version else 'some version'} at {path}.")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
