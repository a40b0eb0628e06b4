"""A window's directories and environment are its own, and hold what was asked for and nothing else."""

from pathlib import Path

import pytest

from tianting.fleet.ground.workspaces import Surroundings, Wanted, make_directories, window_environment
from tianting.protocol.errors import FleetError

OWN = {
    "HOME": "/home/ada",
    "PATH": "/bin",
    "LANG": "de_DE.UTF-8",
    "TERM": "xterm",
    "TZ": "UTC",
    "ANTHROPIC_API_KEY": "planted",
    "GITHUB_TOKEN": "planted",
    "EDITOR": "vi",
    "CODEX_HOME": "/data/codex",
    "XDG_CONFIG_HOME": "/data/config",
}
ROOT = Path("/w/w1")
BASICS = {"PATH": "/bin", "LANG": "de_DE.UTF-8", "TERM": "xterm", "TZ": "UTC"}
DIRECTORIES = {
    "HOME": "/w/w1/home",
    "CLAUDE_CONFIG_DIR": "/w/w1/claude",
    "CODEX_HOME": "/w/w1/codex",
    "TIANTING_HOME": "/w/w1/tianting",
    "XDG_CONFIG_HOME": "/w/w1/config",
    "XDG_CACHE_HOME": "/w/w1/cache",
    "XDG_DATA_HOME": "/w/w1/data",
    "XDG_STATE_HOME": "/w/w1/state",
    "XDG_RUNTIME_DIR": "/w/w1/runtime",
    "TMPDIR": "/w/w1/tmp",
}


def without(variables: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in names}


@pytest.mark.parametrize(
    ("wanted", "gateway", "expected"),
    [
        pytest.param(Wanted(), None, Surroundings(variables={**BASICS, **DIRECTORIES}), id="nothing is inherited"),
        pytest.param(
            Wanted(passed=("EDITOR", "MISSING", "ANTHROPIC_API_KEY"), variables={"MODE": "x"}),
            None,
            Surroundings(
                variables={**BASICS, **DIRECTORIES, "EDITOR": "vi", "ANTHROPIC_API_KEY": "planted", "MODE": "x"}
            ),
            id="what a template names",
        ),
        pytest.param(
            Wanted(passed=("EDITOR", "ANTHROPIC_API_KEY", "GITHUB_TOKEN"), variables={"OPENAI_API_KEY": "planted"}),
            {"ANTHROPIC_API_KEY": "pass", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"},
            Surroundings(
                variables={
                    **BASICS,
                    **DIRECTORIES,
                    "EDITOR": "vi",
                    "ANTHROPIC_API_KEY": "pass",
                    "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
                },
                left_out=("ANTHROPIC_API_KEY", "GITHUB_TOKEN", "OPENAI_API_KEY"),
            ),
            id="no secret where a gateway has them",
        ),
        pytest.param(
            Wanted(variables={"ANTHROPIC_BASE_URL": "http://around.it"}),
            {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"},
            Surroundings(variables={**BASICS, **DIRECTORIES, "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}),
            id="nothing leads around the gateway",
        ),
        pytest.param(
            Wanted(shared=("claude", "codex", "tianting")),
            None,
            Surroundings(
                variables={
                    **BASICS,
                    **DIRECTORIES,
                    "CLAUDE_CONFIG_DIR": "/home/ada/.claude",
                    "CODEX_HOME": "/data/codex",
                    "TIANTING_HOME": "/home/ada/.tianting",
                }
            ),
            id="told to share what agents keep",
        ),
        pytest.param(
            Wanted(shared=("home",)),
            None,
            Surroundings(
                variables={
                    **BASICS,
                    **without(DIRECTORIES, "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
                    "HOME": "/home/ada",
                    "XDG_CONFIG_HOME": "/data/config",
                }
            ),
            id="told to share the home",
        ),
    ],
)
def test_an_environment_is_built_from_nothing(
    wanted: Wanted, gateway: dict[str, str] | None, expected: Surroundings
) -> None:
    assert window_environment(OWN, ROOT, wanted, gateway) == expected


def test_a_bare_machine_still_gives_what_programs_need() -> None:
    made = window_environment({}, ROOT, Wanted())

    assert made.variables == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        **DIRECTORIES,
    }


def test_directories_are_for_their_owner_alone_and_stay(tmp_path: Path) -> None:
    root = make_directories(tmp_path / "windows", "w1")
    (root / "home" / "kept").write_text("x")
    root.chmod(0o755)

    assert make_directories(tmp_path / "windows", "w1") == root
    assert (root / "home" / "kept").read_text() == "x"
    assert {path.stat().st_mode & 0o777 for path in (root, *root.iterdir())} == {0o700}
    assert {str(path) for path in root.iterdir()} == {
        value.replace("/w/w1", str(root)) for value in DIRECTORIES.values()
    }


@pytest.mark.parametrize("window_id", ["", "..", ".", "../w2", "a/b", "a\0b", "-x", "a" * 101, "w\n"])
def test_an_id_cannot_lead_elsewhere(window_id: str, tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="cannot be called"):
        make_directories(tmp_path, window_id)
    assert list(tmp_path.iterdir()) == []


def test_directories_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    (tmp_path / "w1").write_text("in the way")

    with pytest.raises(FleetError, match="window w1 cannot be made"):
        make_directories(tmp_path, "w1")
