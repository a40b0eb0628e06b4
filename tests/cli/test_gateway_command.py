"""`tianting gateway`: keys come from variables and files, never from settings; usage is a table or lines."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anthropic
import msgspec
import pytest

from tests.cli.conftest import CommandLine
from tianting.cli.gateway_parts import gateway_quotas, gateway_upstreams
from tianting.gateway.ledger import Ledger, LedgerEntry
from tianting.gateway.quotas import Quota
from tianting.gateway.upstream import Key, KeyLimits, Upstream
from tianting.models.scripted import Reply, Script
from tianting.protocol.errors import ConfigError
from tianting.protocol.usage import Usage
from tianting.settings.schema import GatewaySettings
from tianting.testing.model_server import serve

SECRET = "sk-ant-the-real-one"


def told(**settings: object) -> GatewaySettings:
    return msgspec.convert(settings, GatewaySettings)


def test_keys_come_from_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    (tmp_path / "key").chmod(0o600)
    settings = told(
        keys={
            "first": {"variable": "FIRST"},
            "second": {"file": str(tmp_path / "key"), "concurrency": 3, "requestsPerMinute": 60},
            "box": {"variable": "BOX", "upstream": "box"},
        },
        upstreams={"box": {"speech": "openai", "baseUrl": "http://box:8000"}},
        quotas={"*": [{"usd": 5}, {"hours": 1, "requests": 100}]},
    )

    assert gateway_upstreams(settings, {"FIRST": "k1", "BOX": "k3"}) == (
        Upstream(
            name="anthropic",
            speech="anthropic",
            base_url="https://api.anthropic.com",
            keys=(
                Key(name="first", secret="k1"),
                Key(name="second", secret=SECRET, limits=KeyLimits(concurrency=3, requests_per_minute=60)),
            ),
        ),
        Upstream(name="box", speech="openai", base_url="http://box:8000", keys=(Key(name="box", secret="k3"),)),
    )
    assert gateway_quotas(settings) == {"*": (Quota(usd=5, span=86_400), Quota(requests=100, span=3_600))}


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param({}, "name either a `variable` or a `file`", id="nowhere"),
        pytest.param({"variable": "A", "file": "/a"}, "name either a `variable` or a `file`", id="in two places"),
        pytest.param({"variable": "NOT_SET"}, "NOT_SET is empty", id="not set"),
        pytest.param({"variable": "BROKEN"}, "what BROKEN holds is no key", id="a line break in it"),
        pytest.param({"file": "/nonexistent/key"}, "cannot be read: No such file", id="no file"),
        pytest.param({"file": "/etc/passwd"}, "others can read /etc/passwd", id="readable by others"),
        pytest.param({"variable": "A", "upstream": "other"}, "there is no upstream 'other'", id="another upstream"),
    ],
)
def test_a_key_that_cannot_be_used_is_named(key: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        gateway_upstreams(told(keys={"first": key}), {"A": "k", "BROKEN": f"{SECRET}\r\nx: y"})

    assert "gateway.keys.first" in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(SECRET, id="as the key itself"),
        pytest.param({"key": SECRET}, id="in a field of its own"),
        pytest.param({"variable": SECRET}, id="as the name of a variable"),
        pytest.param({"file": SECRET}, id="as the name of a file"),
    ],
)
def test_settings_that_hold_a_literal_key_are_refused(tianting: CommandLine, key: object) -> None:
    ran = tianting("gateway", "serve", "--settings", json.dumps({"gateway": {"keys": {"first": key}}}))

    assert ran.code == 2
    assert "gateway.keys.first" in ran.stderr
    assert SECRET not in ran.stderr + ran.stdout


def test_without_keys_nothing_is_served(tianting: CommandLine) -> None:
    ran = tianting("gateway", "serve")

    assert (ran.code, ran.stderr) == (2, "tianting: The gateway has no keys: name some under gateway.keys.\n")


def test_a_window_needs_an_owner(tianting: CommandLine) -> None:
    ran = tianting("gateway", "serve", "--window", "w1")

    assert ran.code == 2
    assert "'w1' is not NAME=OWNER" in ran.stderr


def test_usage_is_a_table_or_lines(tianting: CommandLine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(home / "gateway" / "ledger.sqlite")
    ledger.add(
        LedgerEntry(
            at=20_000 * 86_400.0,
            owner="ann",
            window="w1",
            upstream="anthropic",
            key="first",
            path="/v1/messages",
            model="claude-opus-5-5",
            status=200,
            outcome="answered",
            usage=Usage(input_tokens=1_000, output_tokens=50, cache_read_input_tokens=7),
            estimated=False,
            usd=0.005,
            first_byte=0.1,
            duration=1.0,
        )
    )
    ledger.close()
    monkeypatch.setattr("tianting.cli.gateway.time.time", lambda: 20_000 * 86_400.0 + 5)

    assert tianting("gateway", "usage").stdout.splitlines()[1:] == [
        "2024-10-04  ann                         1       1,000           7          50    0.0050"
    ]
    assert json.loads(tianting("gateway", "usage", "--json", "--owner", "ann").stdout)["input_tokens"] == 1_000
    assert tianting("gateway", "usage", "--json", "--owner", "bob").stdout == ""


@pytest.mark.anyio
async def test_the_whole_command_serves_a_real_client(home: Path, tmp_path: Path) -> None:
    async with serve(Script(replies=(Reply(text="Served."),)), key=SECRET) as server:
        settings = {
            "gateway": {
                "keys": {"first": {"variable": "FIRST"}},
                "upstreams": {"anthropic": {"speech": "anthropic", "baseUrl": server.base_url}},
            }
        }
        command = [sys.executable, "-m", "tianting", "gateway", "serve", "--settings", json.dumps(settings)]
        environment = {**os.environ, "FIRST": SECRET}
        with subprocess.Popen(
            [*command, "--window", "w1=ann", "--socket", str(tmp_path / "s")], env=environment, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            window = json.loads(process.stdout.readline())
            async with anthropic.AsyncAnthropic(
                api_key=window["ANTHROPIC_API_KEY"], base_url=window["ANTHROPIC_BASE_URL"], max_retries=0
            ) as client:
                message = await client.messages.create(
                    model="claude-opus-5-5", max_tokens=10, messages=[{"role": "user", "content": "Serve."}]
                )
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0

    assert [block.text for block in message.content if block.type == "text"] == ["Served."]
    ledger = Ledger(home / "gateway" / "ledger.sqlite")
    assert [(used.owner, used.requests) for used in ledger.sums()] == [("ann", 1)]
    ledger.close()
