"""What a model is told after a failure: a table of real complaints."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.sandbox.explanations import MAX_BYTES, explanation
from tianting.sandbox.policy import NetworkPolicy, SandboxPolicy

POLICY = SandboxPolicy(hidden=("/home/me/.ssh", "/home/me/.npmrc"))
HOSTS = SandboxPolicy(network=NetworkPolicy(reach="hosts"))
OPEN = SandboxPolicy(network=NetworkPolicy(reach="all"), all_unix_sockets=True, files_confined=False)


@pytest.mark.parametrize(
    ("policy", "exit_code", "output", "words"),
    [
        pytest.param(POLICY, 1, "bash: /etc/x: Read-only file system", "blocked writing /etc/x.", id="bash"),
        pytest.param(POLICY, 1, "touch: '/etc/x y': Read-only file system", "writing /etc/x y.", id="touch"),
        pytest.param(POLICY, 1, "OSError: [Errno 30] Read-only file system: '/opt/a'", "writing /opt/a.", id="python"),
        pytest.param(POLICY, 1, "error: EROFS, open '../a'", "writing ../a.", id="node"),
        pytest.param(POLICY, 1, "Read-only file system", "outside the writable directories", id="no path"),
        pytest.param(POLICY, 1, "cat: /home/me/.npmrc: Permission denied", "hides /home/me/.npmrc", id="secret"),
        pytest.param(POLICY, 1, "cat: /home/me/.ssh/id: Permission denied", "hides /home/me/.ssh", id="below a secret"),
        pytest.param(POLICY, 6, "curl: (6) Could not resolve host: a.net", "blocked network", id="curl"),
        pytest.param(POLICY, 1, "Temporary failure in name resolution", "blocked network", id="C library"),
        pytest.param(POLICY, 1, "getaddrinfo ENOTFOUND a.net", "blocked network", id="node network"),
        pytest.param(HOSTS, 1, "Network is unreachable", "through the proxy", id="past the proxy"),
        pytest.param(POLICY, 1, "socket: Operation not permitted", "Unix sockets", id="Unix socket"),
    ],
)
def test_explanation_names_the_cause(policy: SandboxPolicy, exit_code: int, output: str, words: str) -> None:
    said = explanation(exit_code, output, policy)

    assert said is not None
    assert words in said
    assert "Retrying will not help" in said


@pytest.mark.parametrize(
    ("policy", "exit_code", "output"),
    [
        pytest.param(POLICY, 0, "Read-only file system", id="it worked"),
        pytest.param(POLICY, 1, "AssertionError: 1 != 2", id="an ordinary failure"),
        pytest.param(POLICY, 1, "cat: /root/x: Permission denied", id="an ordinary refusal"),
        pytest.param(OPEN, 1, "Read-only file system, Could not resolve host, socket: EPERM", id="nothing confined"),
    ],
)
def test_no_explanation_where_the_sandbox_did_nothing(policy: SandboxPolicy, exit_code: int, output: str) -> None:
    assert explanation(exit_code, output, policy) is None


def test_what_is_certain_is_said_even_of_a_success() -> None:
    said = explanation(0, "", HOSTS, limit="It was ended.", blocked_hosts=("a.net", "a.net"), taken_back=("/w/.git",))

    assert said is not None
    assert said.startswith(
        "[Sandbox limit: It was ended. Sandbox blocked network to a.net. "
        "Sandbox took back /w/.git: these paths are protected. Retrying"
    )


@settings(max_examples=50)
@given(st.text(), st.lists(st.text(max_size=400), max_size=5))
def test_explanation_stays_short(output: str, hosts: list[str]) -> None:
    said = explanation(1, f"{output}: Read-only file system /{'a' * 900}é", POLICY, blocked_hosts=hosts)

    assert said is not None
    assert len(said.encode()) <= MAX_BYTES
