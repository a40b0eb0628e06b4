"""Which tools a session has: those of the model's family, those that were named, and the one for data."""

from pathlib import Path

import pytest

from tianting.cli.invocation import Invocation
from tianting.cli.toolbox import SandboxWish, Toolbox, open_toolbox
from tianting.protocol.errors import ConfigError
from tianting.protocol.model_catalogue import Family
from tianting.sandbox.abilities import Abilities
from tianting.sandbox.confinement import Confinement
from tianting.sandbox.settings import SandboxSettings
from tianting.tools.workspace import Workspace

pytestmark = pytest.mark.anyio

SCHEMA = '{"type": "object", "properties": {"n": {"type": "integer"}}}'


async def toolbox(directory: Path, invocation: Invocation, family: Family = "claude") -> Toolbox:
    async with open_toolbox(invocation, Workspace(directory), family, directory / "spill", {}) as opened:
        return opened


def offered(opened: Toolbox) -> list[str]:
    return [spec.name for spec in opened.offered]


@pytest.mark.parametrize(
    ("family", "editing"),
    [
        pytest.param("claude", {"Edit", "Write"}, id="claude"),
        pytest.param("gpt", {"apply_patch"}, id="gpt"),
        pytest.param("open", {"Edit", "Write"}, id="open"),
    ],
)
async def test_each_family_edits_as_it_was_taught(tmp_path: Path, family: Family, editing: set[str]) -> None:
    opened = await toolbox(tmp_path, Invocation(), family)

    assert set(offered(opened)) & {"Edit", "Write", "apply_patch", "MultiEdit"} == editing
    assert offered(opened) == sorted(offered(opened))


async def test_tools_of_other_clients_can_be_called_though_not_offered(tmp_path: Path) -> None:
    opened = await toolbox(tmp_path, Invocation())

    assert {"MultiEdit", "LS", "apply_patch", "TodoRead"} <= {tool.spec.name for tool in opened.tools}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        pytest.param("Read,Grep", ["Grep", "Read"], id="two"),
        pytest.param(" LS ,, ", ["LS"], id="blanks"),
        pytest.param("", [], id="none"),
    ],
)
async def test_only_named_tools_can_be_called(tmp_path: Path, named: str, expected: list[str]) -> None:
    opened = await toolbox(tmp_path, Invocation(tools=named))

    assert (offered(opened), sorted(tool.spec.name for tool in opened.tools)) == (expected, expected)


@pytest.mark.parametrize(
    ("denied", "gone"),
    [
        pytest.param(("Bash",), {"Bash"}, id="a tool"),
        pytest.param(("Bash(*)", "WebFetch"), {"Bash"}, id="all it does"),
        pytest.param(("Edit",), {"Edit", "Write"}, id="whatever edits"),
        pytest.param(("Bash(rm *)", "Read(.env)", "Bash(run_in_background:true)"), set(), id="some of what it does"),
        pytest.param(("KillShell",), {"TaskStop"}, id="its former name"),
        pytest.param(("Task*",), {"TaskStop"}, id="a pattern"),
    ],
)
async def test_tool_that_settings_deny_is_not_offered(tmp_path: Path, denied: tuple[str, ...], gone: set[str]) -> None:
    usual = await toolbox(tmp_path, Invocation())
    flagged = await toolbox(tmp_path, Invocation(disallowed_tools=denied))
    async with open_toolbox(Invocation(), Workspace(tmp_path), "claude", tmp_path, {}, denied=denied) as opened:
        assert set(offered(usual)) - set(offered(opened)) == gone & set(offered(usual))

    assert offered(flagged) == offered(opened)


async def test_default_is_the_same_as_nothing(tmp_path: Path) -> None:
    usual, named = [await toolbox(tmp_path, Invocation(tools=tools)) for tools in (None, "default")]

    assert offered(usual) == offered(named)


async def test_unknown_tools_are_named_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--tools: there is no tool Grpe, Raed. Tools: Bash, BashOutput, Edit, "):
        await toolbox(tmp_path, Invocation(tools="Raed,Grpe,Read"))


@pytest.mark.parametrize("in_file", [False, True])
async def test_schema_adds_a_tool_for_data(tmp_path: Path, in_file: bool) -> None:
    path = tmp_path / "schema.json"
    path.write_text(SCHEMA)

    opened = await toolbox(tmp_path, Invocation(json_schema=str(path) if in_file else SCHEMA, tools="Read"))

    assert opened.goal is not None
    assert (offered(opened), opened.goal.value) == (["Read", "StructuredOutput"], None)


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        pytest.param("gone.json", r"'gone.json' is neither JSON nor a file: No such file", id="no file"),
        pytest.param('{"type": ', "--json-schema is no JSON", id="broken"),
        pytest.param('{"type": "array"}', "the top of the schema must be", id="no object"),
        pytest.param(
            '{"type": "object", "properties": 5}', r"5 is not of type 'object' \(at \$.properties\)", id="none"
        ),
    ],
)
async def test_wrong_schema_is_refused(tmp_path: Path, schema: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        await toolbox(tmp_path, Invocation(json_schema=schema))


@pytest.mark.parametrize("enabled", [True, False])
async def test_machine_that_cannot_confine_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], enabled: bool
) -> None:
    no_walls = Confinement(Abilities(mechanism="none", reason="There is nothing."))
    monkeypatch.setattr("tianting.sandbox.commands.choose", lambda *_: no_walls)
    wish = SandboxWish(settings=SandboxSettings(enabled=enabled), home=tmp_path / "home")

    async with open_toolbox(Invocation(), Workspace(tmp_path), "claude", tmp_path / "spill", {}, wish):
        told = capsys.readouterr().err

    said = "tianting: The sandbox is enabled, but confines nothing. There is nothing. Every command will ask.\n"
    assert told == (said if enabled else "")
