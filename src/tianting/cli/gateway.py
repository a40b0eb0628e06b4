"""`tianting gateway`: lends models to agents of any kind without giving them a key, and sums what they used."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import anyio
import click
import msgspec

from tianting.cli.gateway_parts import gateway_quotas, gateway_upstreams
from tianting.cli.loaded_settings import loaded_settings
from tianting.cli.places import home_directory
from tianting.gateway.gateway import Gateway
from tianting.gateway.ledger import Ledger, UsageSum, midnight
from tianting.protocol.errors import ConfigError
from tianting.settings.providers import model_catalogue
from tianting.settings.schema import Settings

_DAY = 86_400.0


@click.group()
def gateway() -> None:
    """Serve models to other agents without giving them keys."""


@gateway.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Default: a free one.")
@click.option("--socket", type=click.Path(path_type=Path), help="A socket file to listen on, too.")
@click.option("--window", "windows", multiple=True, metavar="NAME=OWNER", help="A token for it; repeatable.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), default=24.0, help="Tokens live; 24 unless told.")
@click.option("--settings", metavar="JSON|FILE", help="Further settings.")
def serve(
    host: str, port: int, socket: Path | None, windows: tuple[str, ...], hours: float, settings: str | None
) -> None:
    """Serve until Ctrl-C or SIGTERM, with the keys that `gateway.keys` of the settings names.

    Prints one JSON object a line for each window: what to put into its environment.
    """
    read = loaded_settings(settings).settings
    owners = dict(map(_window, windows or ("local=local",)))
    ledger = Ledger(_ledger_path())
    try:
        anyio.run(_serve, _opened(read, ledger), host, port, socket, owners, hours)
    except OSError as error:
        raise ConfigError(f"The gateway cannot listen: {error.strerror or error}.") from error
    finally:
        ledger.close()


@gateway.command()
@click.option("--days", type=click.IntRange(min=1), default=7, show_default=True, help="How far back, today included.")
@click.option("--owner", help="Of this one alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def usage(days: int, owner: str | None, as_json: bool) -> None:
    """Show what was used, by day (UTC) and owner."""
    ledger = Ledger(_ledger_path())
    sums = ledger.sums(since=midnight(time.time()) - (days - 1) * _DAY, owner=owner)
    ledger.close()
    if not as_json:
        click.echo(f"{'day':<12}{'owner':<20}{'requests':>9}{'input':>12}{'cached':>12}{'output':>12}{'USD':>10}")
    for each in sums:
        click.echo(msgspec.json.encode(each) if as_json else _line(each))


def _opened(settings: Settings, ledger: Ledger) -> Gateway:
    return Gateway(
        upstreams=gateway_upstreams(settings.gateway, os.environ),
        ledger=ledger,
        quotas=gateway_quotas(settings.gateway),
        catalogue=model_catalogue(settings),
    )


async def _serve(
    served: Gateway, host: str, port: int, socket: Path | None, owners: Mapping[str, str], hours: float
) -> None:
    async def listen(*, task_status: anyio.abc.TaskStatus[int] = anyio.TASK_STATUS_IGNORED) -> None:
        await served.serve(host=host, port=port, unix_socket=socket, task_status=task_status)

    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as tasks:
            taken = await tasks.start(listen)
            for window, owner in owners.items():
                token = served.issue(window, owner, lives=hours * 3600)
                click.echo(msgspec.json.encode({"window": window, "owner": owner, **_variables(host, taken, token)}))
            await anext(signals)
            tasks.cancel_scope.cancel()


def _variables(host: str, port: int, token: str) -> dict[str, str]:
    """What agents of either kind look for."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    return {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": token,
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": token,
    }


def _window(told: str) -> tuple[str, str]:
    window, equals, owner = told.partition("=")
    if not (window and equals and owner):
        raise click.BadParameter(f"{told!r} is not NAME=OWNER", param_hint="--window")
    return window, owner


def _ledger_path() -> Path:
    return home_directory(os.environ) / "gateway" / "ledger.sqlite"


def _line(used: UsageSum) -> str:
    cached = used.cache_creation_input_tokens + used.cache_read_input_tokens
    return (
        f"{used.day:<12}{used.owner:<20}{used.requests:>9,}{used.input_tokens:>12,}{cached:>12,}"
        f"{used.output_tokens:>12,}{used.usd:>10.4f}"
    )
