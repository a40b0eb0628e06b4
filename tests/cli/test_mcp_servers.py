"""Which servers a client names, and how a configuration is complained about."""

from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tianting.cli.mcp_servers import NamedServers, named_servers
from tianting.protocol.errors import ConfigError


def test_last_of_one_name_counts(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{"mcpServers": {"a": {"command": "a"}, "b": {"type": "sse", "url": "http://b"}}}')

    named = named_servers([str(path), ' {"mcpServers": {"a": {"type": "sdk", "name": "a"}}}'])

    assert named == NamedServers(of_client=("a",), others=("b",))
    assert named_servers([]) == NamedServers()


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        pytest.param("{", "--mcp-config: Input data was truncated. Write", id="no JSON"),
        pytest.param("{}", "missing required field `mcpServers`", id="no servers"),
        pytest.param('{"mcpServers": {"a": 1}}', "Expected `object`, got `int`", id="no server"),
        pytest.param("gone.json", "'gone.json' is neither JSON nor a file: No such file", id="no file"),
        pytest.param("/", "'/' is neither JSON nor a file: Is a directory", id="directory"),
    ],
)
def test_malformed_configuration(config: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        named_servers([config])


def test_servers_that_cannot_be_started_are_named_and_stop_nobody(
    tianting: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    configs = ("--mcp-config", '{"mcpServers": {"files": {"command": "serve"}, "calc": {"type": "sdk"}}}')

    told = tianting("-p", "Hi.", "--model", "scripted:gone", *configs)

    assert told.stderr.splitlines() == [
        "tianting: --mcp-config: MCP servers cannot be started yet, so files will be missing.",
        "tianting: gone: cannot be read: No such file or directory",
    ]
