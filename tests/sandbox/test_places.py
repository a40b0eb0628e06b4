"""From settings to a policy."""

from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from tianting.sandbox.places import PROTECTED, Forbidden, Places, policy_for, with_forbidden
from tianting.sandbox.policy import NetworkPolicy, ResourceLimits, SandboxPolicy
from tianting.sandbox.settings import SandboxSettings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "work"
    path.mkdir()
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "home"
    path.mkdir()
    return path


def decide(text: str, root: Path, home: Path) -> SandboxPolicy:
    settings = msgspec.json.decode(text, type=SandboxSettings)
    return policy_for(settings, Places(home=str(home), roots=(str(root),)))


def protected(root: Path) -> tuple[str, ...]:
    return tuple(sorted(f"{root}/{name}" for name in PROTECTED))


def test_default_writes_the_work_tree_and_has_no_network(root: Path, home: Path) -> None:
    policy = decide("{}", root, home)

    assert policy == SandboxPolicy(
        writable=(str(root),),
        read_only=tuple(sorted(f"{root}/{name}" for name in PROTECTED)),
        hidden=policy.hidden,
    )
    assert {f"{home}/.ssh", f"{home}/.aws", f"{home}/.netrc", f"{home}/.tianting"} <= set(policy.hidden)
    assert {f"{root}/.git/config", f"{root}/.git/hooks", f"{root}/.tianting"} <= set(policy.read_only)


def test_own_home_is_hidden_wherever_it_is_but_for_results(root: Path, home: Path) -> None:
    own, results = root / "own", root / "own" / "results"
    results.mkdir(parents=True)
    places = Places(home=str(home), roots=(str(root),), hidden=(str(own),), readable=(str(results),))

    policy = policy_for(SandboxSettings(), places)

    assert (str(own) in policy.hidden, str(results) in policy.read_only) == (True, True)


def test_commits_can_be_written_where_they_belong_but_no_hooks(root: Path, home: Path, tmp_path: Path) -> None:
    repository = tmp_path.resolve() / "main" / ".git"
    repository.mkdir(parents=True)
    places = Places(home=str(home), roots=(str(root),), git_directory=str(repository))

    policy = policy_for(SandboxSettings(), places)

    assert str(repository) in policy.writable
    assert {f"{repository}/hooks", f"{repository}/config"} <= set(policy.read_only)


def test_pointer_of_a_linked_work_tree_cannot_be_turned_elsewhere(root: Path, home: Path) -> None:
    root.joinpath(".git").write_text("gitdir: /elsewhere/.git/worktrees/work\n")

    assert f"{root}/.git" in decide("{}", root, home).read_only


def test_every_setting_arrives(root: Path, home: Path) -> None:
    policy = decide(
        """{
          "network": {"allowedDomains": ["a.net"], "deniedDomains": ["b.net"], "allowUnixSockets": ["/s"],
                      "allowAllUnixSockets": true},
          "filesystem": {"allowWrite": ["~/cache", "./out", "//opt/x"], "denyWrite": ["vendor"],
                         "denyRead": ["~/private"], "allowRead": ["~/.npmrc"], "disabled": true},
          "credentials": {"files": ["token.txt"], "envVars": ["TOKEN"]},
          "allowNestedUserNamespaces": true,
          "limits": {"memory": 1, "cpuTime": 2, "processes": 3}
        }""",
        root,
        home,
    )

    assert policy == SandboxPolicy(
        writable=tuple(sorted((str(root), f"{home}/cache", f"{root}/out", "/opt/x"))),
        read_only=tuple(sorted((f"{home}/.npmrc", f"{root}/vendor", *(f"{root}/{name}" for name in PROTECTED)))),
        hidden=policy.hidden,
        network=NetworkPolicy(reach="hosts", allowed=("a.net",), denied=("b.net",)),
        unix_sockets=("/s",),
        all_unix_sockets=True,
        files_confined=False,
        nested_namespaces=True,
        unset=("TOKEN",),
        limits=ResourceLimits(memory=1, cpu_time=2, processes=3),
    )
    assert f"{home}/.npmrc" not in policy.hidden
    assert {f"{home}/private", f"{root}/token.txt"} <= set(policy.hidden)


def test_key_files_in_the_home_are_found_by_their_names(root: Path, home: Path) -> None:
    for name in ("id_rsa", "server.pem", "notes"):
        (home / name).touch()
        (root / name).touch()

    hidden = decide('{"filesystem": {"denyRead": ["*.pem"]}}', root, home).hidden

    assert {f"{home}/id_rsa", f"{home}/server.pem", f"{root}/server.pem"} <= set(hidden)
    assert {f"{home}/notes", f"{root}/id_rsa"}.isdisjoint(hidden)


def test_secret_behind_a_link_is_hidden_where_it_really_is(root: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (home / ".ssh").symlink_to(tmp_path / "keys")

    assert str(tmp_path.resolve() / "keys") in decide("{}", root, home).hidden


def test_protected_link_itself_is_protected(root: Path, home: Path, tmp_path: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "hooks").symlink_to(tmp_path)

    assert f"{root}/.git/hooks" in decide("{}", root, home).read_only


def test_own_directories_are_seen_although_they_lie_in_hidden_ones(root: Path, home: Path) -> None:
    places = Places(
        home=str(home), roots=(str(root),), readable=(f"{home}/.tianting/spill",), private_tmp=f"{home}/tmp"
    )

    policy = policy_for(SandboxSettings(), places)

    assert f"{home}/.tianting/spill" in policy.read_only
    assert f"{home}/.tianting" in policy.hidden
    assert policy.private_tmp == f"{home}/tmp"


@pytest.mark.parametrize(
    ("forbidden", "hidden", "read_only"),
    [
        pytest.param(Forbidden(hidden=("/w/.env",)), ("/home/me/.ssh", "/w/.env"), ("/w/.git/config",), id="hidden"),
        pytest.param(
            Forbidden(read_only=("/w/a",)),
            ("/home/me/.ssh",),
            ("/w/.git/config", "/w/a"),
            id="read-only where writable",
        ),
        pytest.param(Forbidden(read_only=("/etc/a",)), ("/home/me/.ssh",), ("/w/.git/config",), id="read-only anyway"),
        pytest.param(
            Forbidden(read_only=("/home/me/.ssh/config", "/home/me/.ssh")),
            ("/home/me/.ssh",),
            ("/w/.git/config",),
            id="a mount in a hidden place would show it",
        ),
        pytest.param(
            Forbidden(hidden=("/w/secrets",), read_only=("/w/secrets/x.pem",)),
            ("/home/me/.ssh", "/w/secrets"),
            ("/w/.git/config",),
            id="and in one that is hidden by the same rules",
        ),
    ],
)
def test_what_is_forbidden_besides(forbidden: Forbidden, hidden: tuple[str, ...], read_only: tuple[str, ...]) -> None:
    policy = SandboxPolicy(writable=("/w",), read_only=("/w/.git/config",), hidden=("/home/me/.ssh",))

    assert with_forbidden(policy, forbidden) == structs.replace(policy, hidden=hidden, read_only=read_only)
