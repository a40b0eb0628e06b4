"""`tianting doctor`: what is wrong with this installation, before a task finds out."""

import os

import anyio
import click
import msgspec

from tianting.cli.examination import Finding, Patient, State, examine, worst
from tianting.cli.loaded_settings import loaded_settings
from tianting.cli.places import current_directory, home_directory
from tianting.protocol.errors import ConfigError
from tianting.settings.loading import Loaded
from tianting.settings.schema import Settings

_COLOURS: dict[State, str] = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}


@click.command()
@click.option("--online", is_flag=True, help="Also ask whether the model's server answers.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--settings", metavar="JSON|FILE", help="Further settings.")
@click.pass_context
def doctor(ctx: click.Context, online: bool, as_json: bool, settings: str | None) -> None:
    """Examine model, settings, files, memory, disk, sandbox and programs.

    Each line is healthy, degraded (works, but) or unhealthy, with the reason and what to do. Exits with 1 if anything
    is unhealthy. Nothing is sent to anybody without --online, and then no key.
    """
    loaded, complaint = _loaded(settings)
    patient = Patient(
        cwd=current_directory(),
        home=home_directory(os.environ),
        environment={**os.environ, **loaded.settings.env},
        loaded=loaded,
        complaint=complaint,
        online=online,
    )
    findings = anyio.run(examine, patient)
    state = worst(findings)
    if as_json:
        click.echo(msgspec.json.encode({"state": state, "findings": findings}))
    else:
        for finding in findings:
            _show(finding)
        click.echo(f"\nAll in all: {state}.")
    ctx.exit(1 if state == "unhealthy" else 0)


def _loaded(settings: str | None) -> tuple[Loaded, str]:
    """The settings, or none and what is wrong with them: a doctor must not die of the disease."""
    try:
        return loaded_settings(settings), ""
    except ConfigError as error:
        return Loaded(settings=Settings()), str(error)


def _show(finding: Finding) -> None:
    state = click.style(f"{finding.state:<11}", fg=_COLOURS[finding.state])
    click.echo(f"{state}{finding.name:<11}{finding.reason}")
    if finding.advice:
        click.echo(f"{'':<22}→ {finding.advice}")
