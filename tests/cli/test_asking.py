"""From options to what is asked for: the spellings that are not one to one."""

from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine, Ran
from tests.cli.test_sdk_arguments import understood
from tianting.protocol.errors import ConfigError

HERE = ("-p", "Hi.", "--model", "scripted:gone")
GONE = "tianting: gone: cannot be read: No such file or directory"


@pytest.fixture(autouse=True)
def no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param(("--betas", "a"), [], id="quiet"),
        pytest.param(("--verbose", "--chrome", "--task-budget", "9"), ["--chrome, --task-budget"], id="verbose"),
        pytest.param(("--debug", "nothing", "--ide", "--agents", "{}"), ["--agents, --ide"], id="debug"),
        pytest.param(("--verbose", "--strict-mcp-config", "--name", "x"), [], id="what has its meaning"),
    ],
)
def test_what_has_no_effect_is_named_to_whoever_looks(
    tianting: CommandLine, arguments: tuple[str, ...], said: list[str]
) -> None:
    told = tianting(*HERE, *arguments)

    lines = [line for line in told.stderr.splitlines() if "without effect" in line]
    assert lines == [f"tianting: {flags}: taken, and without effect yet." for flags in said]
    assert GONE in told.stderr


def test_nobody_judges_by_themselves(tianting: CommandLine) -> None:
    assert tianting(*HERE, "--permission-mode", "auto") == Ran(
        2,
        "",
        f"tianting: --permission-mode auto: nobody judges calls by themselves here yet; this is default.\n{GONE}\n",
    )


def test_manual_is_default() -> None:
    assert understood(["--permission-mode", "manual"]).permission_mode == "default"


@pytest.mark.parametrize("name", ["system-prompt", "append-system-prompt"])
def test_prompt_from_a_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "prompt.md"
    path.write_bytes(b"\xef\xbb\xbfBe brief.\n\xff")

    invocation = understood([f"--{name}", "", f"--{name}-file", str(path)])

    assert getattr(invocation, name.replace("-", "_")) == "Be brief.\n\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["--system-prompt", "x", "--system-prompt-file", "y"], "exclude each other", id="both"),
        pytest.param(["--system-prompt-file", "gone"], "gone cannot be read: No such file", id="no file"),
        pytest.param(["--system-prompt-file", "/dev/zero"], "/dev/zero is longer than 1 MiB", id="endless"),
        pytest.param(["--setting-sources", "user,world"], "there is no world. Name user, project, local", id="level"),
        pytest.param(["--agent", "x"], "--agent: there are no agents", id="agent"),
    ],
)
def test_refused(arguments: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        understood(arguments)


def test_empty_prompt_is_none_at_all() -> None:
    assert (understood([]).system_prompt, understood(["--system-prompt", ""]).system_prompt) == (None, "")


def test_words_are_mended_and_lines_mean_print_mode() -> None:
    lines = understood(["--input-format", "stream-json", "--output-format", "stream-json"])

    assert lines.print
    assert understood(["--name", "half \ud800"]).name == "half \N{REPLACEMENT CHARACTER}"
