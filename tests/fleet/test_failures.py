"""Ends as agents really have them. The texts were written by Claude Code 2.1, Codex 0.169 and our own agent against a
model server that refused in each way, and by their runtimes when they broke.
"""

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.fleet.drivers.driver import Fault
from tianting.fleet.verdicts.failure_words import Kind
from tianting.fleet.verdicts.failures import MEANINGS, Ended, Failure, classify, classify_fault

KINDS: tuple[Kind, ...] = get_args(Kind)


def fault(message: str, status: int | None = None, code: str = "success") -> Fault:
    return Fault(message=message, status=status, code=code)


CLAUDE = [
    pytest.param(fault("Invalid API key · Fix external API key", 401), "auth", id="wrong key"),
    pytest.param(
        fault("Failed to authenticate. API Error: 403 Your account does not have access", 403), "auth", id="forbidden"
    ),
    pytest.param(fault("Not logged in · Please run /login"), "auth", id="no login"),
    pytest.param(
        fault("API Error: 401 OAuth token has expired. Please run /login", 401, "authentication_failed"),
        "auth",
        id="login is over",
    ),
    pytest.param(
        fault(
            "API Error: Request rejected (429) · This request would exceed your organization's rate limit of 50 "
            "requests per minute",
            429,
            "rate_limit",
        ),
        "rate_limited",
        id="rate limit",
    ),
    pytest.param(
        fault("API Error: Request rejected (429) · You have hit your limit", 429, "rate_limit"),
        "usage_limit",
        id="a 429 that lasts for hours",
    ),
    pytest.param(fault("You've hit your limit · resets 3pm (UTC)", 429), "usage_limit", id="five hours"),
    pytest.param(fault("You've hit your weekly limit · resets Oct 21 at 5am"), "usage_limit", id="week"),
    pytest.param(fault("Claude AI usage limit reached|1795219200"), "usage_limit", id="limit with a time"),
    pytest.param(
        fault(
            "API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment. If it "
            "persists, check your inference gateway (127.0.0.1:8899).",
            529,
            "server_error",
        ),
        "overloaded",
        id="overloaded",
    ),
    pytest.param(fault("Overloaded", 400, "overloaded"), "overloaded", id="overloaded in a body of another status"),
    pytest.param(
        fault("API Error: 500 Internal server error. This is a server-side issue, usually temporary", 500),
        "overloaded",
        id="its own fault",
    ),
    pytest.param(fault("API Error: 400 messages.0: unexpected role", 400, "unknown"), "bad_request", id="bad request"),
    pytest.param(
        fault("Prompt is too long · the request is ~212000 tokens (limit 200000)", 400, "invalid_request"),
        "context_full",
        id="too long",
    ),
    pytest.param(
        fault("There's an issue with the selected model (claude-opus-5-5). It may not exist.", 404, "model_not_found"),
        "bad_request",
        id="no such model",
    ),
    pytest.param(fault("Credit balance is too low", 400, "billing_error"), "budget", id="no money"),
    pytest.param(fault("", None, "error_max_budget_usd"), "budget", id="its own budget"),
    pytest.param(fault("", None, "error_max_turns"), "budget", id="its own number of turns"),
    pytest.param(
        fault("API Error: Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)"),
        "network",
        id="nobody there",
    ),
    pytest.param(
        fault(
            "No conversation found with session ID: 11111111-1111-4111-8111-111111111111",
            None,
            "error_during_execution",
        ),
        "resume_missing",
        id="no conversation",
    ),
    pytest.param(
        fault("Autocompact is thrashing: the context refilled to the limit"), "context_full", id="compacts in circles"
    ),
]

CODEX = [
    pytest.param(
        fault("unexpected status 401 Unauthorized: Incorrect API key provided: x., url: http://127.0.0.1/v1/responses"),
        "auth",
        id="wrong key",
    ),
    pytest.param(fault("Missing environment variable: `FAKE_KEY`.", None, "other"), "auth", id="no key"),
    pytest.param(fault("exceeded retry limit, last status: 429 Too Many Requests"), "rate_limited", id="rate limit"),
    pytest.param(
        fault("exceeded retry limit, last status: 429 Too Many Requests", 429, "responseTooManyFailedAttempts"),
        "rate_limited",
        id="words beat a vague code",
    ),
    pytest.param(fault("gave up", 429, "responseTooManyFailedAttempts"), "rate_limited", id="status beats it, too"),
    pytest.param(fault("gave up", None, "responseTooManyFailedAttempts"), "network", id="a vague code is better"),
    pytest.param(
        fault("You’ve hit your usage limit. Upgrade to Pro or try again at Nov 21st, 2026 12:00 AM."),
        "usage_limit",
        id="usage limit",
    ),
    pytest.param(fault("", None, "usageLimitExceeded"), "usage_limit", id="usage limit by its code"),
    pytest.param(fault("The session has exceeded its token budget."), "budget", id="budget in words"),
    pytest.param(fault("Quota exceeded. Check your plan and billing details."), "budget", id="no money"),
    pytest.param(fault("", None, "sessionBudgetExceeded"), "budget", id="its own budget"),
    pytest.param(fault("Selected model is at capacity. Please try a different model."), "overloaded", id="capacity"),
    pytest.param(fault("Server overloaded; retry later.", None, "-32001"), "overloaded", id="its server is full"),
    pytest.param(
        fault("Codex ran out of room in the model's context window. Start a new thread or clear earlier history."),
        "context_full",
        id="too long",
    ),
    pytest.param(fault("", None, "contextWindowExceeded"), "context_full", id="too long by its code"),
    pytest.param(
        fault('{"error": {"message": "Invalid value: \'x\'.", "type": "invalid_request_error"}}'),
        "bad_request",
        id="bad request",
    ),
    pytest.param(
        fault("Reconnecting... waiting for network (Connection failed: error sending request)"),
        "network",
        id="nobody there",
    ),
    pytest.param(
        fault("stream disconnected before completion", None, "responseStreamDisconnected"), "network", id="broke off"
    ),
    pytest.param(fault("odd", None, "internalServerError"), "overloaded", id="its own fault"),
    pytest.param(fault("odd", None, "other"), None, id="says nothing"),
]

OURS = [
    pytest.param(
        fault("The key in ANTHROPIC_API_KEY was refused (401). Set a valid one and try again: invalid x-api-key", 401),
        "auth",
        id="wrong key",
    ),
    pytest.param(
        fault("The account behind the key in OPENAI_API_KEY cannot pay (402): no", 402, "authentication_failed"),
        "budget",
        id="no money is called a failed login",
    ),
    pytest.param(
        fault("127.0.0.1 answered 429: This request would exceed your organization's rate limit", 429, "rate_limit"),
        "rate_limited",
        id="rate limit",
    ),
    pytest.param(
        fault("127.0.0.1 answered 429: You have hit your limit. It asks to wait 60 minutes.", 429),
        "usage_limit",
        id="usage limit",
    ),
    pytest.param(fault("127.0.0.1 answered 529: Overloaded", 529), "overloaded", id="overloaded"),
    pytest.param(
        fault("The conversation is too long for the model (400): prompt is too long: 212000 tokens > 200000", 400),
        "context_full",
        id="too long",
    ),
    pytest.param(
        fault("127.0.0.1 rejected the request (400): Your credit balance is too low to access the API.", 400),
        "budget",
        id="no credit",
    ),
    pytest.param(
        fault("127.0.0.1 rejected the request (404): model: nope - check the model's name and the base URL", 404),
        "bad_request",
        id="no such model",
    ),
    pytest.param(fault("127.0.0.1 could not be reached: All connection attempts failed"), "network", id="nobody there"),
    pytest.param(fault("127.0.0.1 said nothing for 90 s."), "network", id="silence"),
    pytest.param(
        fault("The certificate of api is not trusted; set SSL_CERT_FILE to your CA bundle."),
        "bad_request",
        id="a wrong certificate stays wrong",
    ),
    pytest.param(
        fault("There is no session '1111'. `tianting sessions` lists them all."), "resume_missing", id="no conversation"
    ),
    pytest.param(fault("The tool said: no such file or directory"), None, id="words of a shell are about the work"),
    pytest.param(fault("No", 418), None, id="a status that means nothing here"),
]


@pytest.mark.parametrize(("said", "kind"), [*CLAUDE, *CODEX, *OURS])
def test_fault(said: Fault, kind: Kind | None) -> None:
    assert classify_fault(said).kind == (kind or "unknown")


@pytest.mark.parametrize(("said", "kind"), [*CLAUDE, *CODEX, *OURS])
def test_a_process_that_leaves_after_a_fault_left_for_that_fault(said: Fault, kind: Kind | None) -> None:
    assert classify(Ended(exit_code=1, fault=said)).kind == (kind or "unknown")


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        pytest.param(Ended(exit_code=0, ended_by="owner"), Failure(kind="clean"), id="stopped, and it obeyed"),
        pytest.param(Ended(signal=9, ended_by="owner"), Failure(kind="clean"), id="stopped by force"),
        pytest.param(
            Ended(signal=9, ended_by="owner", oom=True, cwd_exists=False), Failure(kind="clean"), id="stopped anyway"
        ),
        pytest.param(Ended(signal=9, ended_by="stall"), Failure(kind="stall"), id="nothing came any more"),
        pytest.param(Ended(signal=9, ended_by="wedge"), Failure(kind="wedge"), id="did not answer"),
        pytest.param(
            Ended(signal=9, ended_by="wedge", cwd_exists=False),
            Failure(kind="workspace_lost"),
            id="no wonder, without its directory",
        ),
        pytest.param(
            Ended(exit_code=1, cwd_exists=False, stderr=("Error: ENOENT: no such file or directory, uv_cwd",)),
            Failure(kind="workspace_lost"),
            id="the directory is gone",
        ),
        pytest.param(Ended(signal=9, oom=True), Failure(kind="oom"), id="the kernel ended it for its memory"),
        pytest.param(
            Ended(
                signal=6,
                stderr=(
                    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
                    "----- Native stack trace -----",
                ),
            ),
            Failure(
                kind="oom", said="FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
            ),
            id="its runtime ended it for its memory",
        ),
        pytest.param(
            Ended(exit_code=1, stderr=("Traceback (most recent call last):", "MemoryError")),
            Failure(kind="oom", said="MemoryError"),
            id="Python out of memory",
        ),
        pytest.param(Ended(signal=9), Failure(kind="signal", said="SIGKILL"), id="somebody killed it"),
        pytest.param(Ended(exit_code=143), Failure(kind="signal", said="SIGTERM"), id="143 is a SIGTERM"),
        pytest.param(Ended(exit_code=139), Failure(kind="signal", said="SIGSEGV"), id="139 is a SIGSEGV"),
        pytest.param(Ended(exit_code=192), Failure(kind="signal", said="SIGRTMAX"), id="192 is the last of them"),
        pytest.param(
            Ended(exit_code=193), Failure(kind="unknown", said="exit code 193, between turns"), id="193 is no signal"
        ),
        pytest.param(
            Ended(exit_code=128), Failure(kind="unknown", said="exit code 128, between turns"), id="nor is 128"
        ),
        pytest.param(
            Ended(exit_code=0, stderr=("tool: out of memory",)),
            Failure(kind="unknown", said="tool: out of memory"),
            id="who ends well had memory",
        ),
        pytest.param(Ended(signal=40), Failure(kind="signal", said="signal 40"), id="a signal without a name"),
        pytest.param(
            Ended(signal=11, fault=fault("Not logged in")),
            Failure(kind="signal", said="SIGSEGV"),
            id="no fault kills",
        ),
        pytest.param(
            Ended(exit_code=127, was_ready=False, stderr=("sh: 1: claude: not found",)),
            Failure(kind="spawn_missing", said="sh: 1: claude: not found"),
            id="no such program",
        ),
        pytest.param(
            Ended(exit_code=126, was_ready=False),
            Failure(kind="spawn_missing", said="exit code 126"),
            id="no program at all",
        ),
        pytest.param(
            Ended(exit_code=1, was_ready=False, stderr=("error: unknown option '--nope'", "(Did you mean --name?)")),
            Failure(kind="spawn_missing", said="error: unknown option '--nope'"),
            id="Claude Code does not know a flag",
        ),
        pytest.param(
            Ended(
                exit_code=1,
                was_ready=False,
                stderr=("error: option '--max-budget-usd <amount>' argument '0' is invalid.",),
            ),
            Failure(
                kind="spawn_missing",
                said="error: option '--max-budget-usd <amount>' argument '0' is invalid",
            ),
            id="Claude Code does not take a value",
        ),
        pytest.param(
            Ended(exit_code=2, was_ready=False, stderr=("error: unexpected argument '--nope' found", "")),
            Failure(kind="spawn_missing", said="error: unexpected argument '--nope' found"),
            id="Codex does not know a flag",
        ),
        pytest.param(
            Ended(
                exit_code=1,
                was_ready=False,
                stderr=("Error loading config.toml:", "config.toml:1:10: unclosed array, expected `]`", "  |"),
            ),
            Failure(kind="spawn_missing", said="Error loading config.toml:"),
            id="Codex cannot read its settings",
        ),
        pytest.param(
            Ended(
                exit_code=2,
                was_ready=False,
                stderr=("tianting: There is no model to ask: set ANTHROPIC_API_KEY or OPENAI_API_KEY.",),
            ),
            Failure(kind="auth", said="tianting: There is no model to ask: set ANTHROPIC_API_KEY or OPENAI_API_KEY"),
            id="ours has no key",
        ),
        pytest.param(
            Ended(
                exit_code=2,
                was_ready=False,
                stderr=("tianting: There is no key for anthropic: set ANTHROPIC_API_KEY.",),
            ),
            Failure(kind="auth", said="tianting: There is no key for anthropic: set ANTHROPIC_API_KEY"),
            id="ours has no key for this model",
        ),
        pytest.param(
            Ended(
                exit_code=1,
                was_ready=False,
                stderr=(
                    "Error: thread/resume: thread/resume failed: no rollout found for thread id 1111 (code -32600)",
                    "Stack backtrace:",
                    "   0: <unknown>",
                ),
            ),
            Failure(
                kind="resume_missing",
                said="Error: thread/resume: thread/resume failed: no rollout found for thread id 1111 (code -32600)",
            ),
            id="Codex finds no conversation",
        ),
        pytest.param(
            Ended(exit_code=1, stderr=("Error: ENOSPC: no space left on device, write",)),
            Failure(kind="disk_full", said="Error: ENOSPC: no space left on device, write"),
            id="full disk",
        ),
        pytest.param(
            Ended(exit_code=1, stderr=("Error parsing streaming input line (type=unknown, 6 chars): SyntaxError",)),
            Failure(
                kind="protocol_garbage", said="Error parsing streaming input line (type=unknown, 6 chars): SyntaxError"
            ),
            id="it could not read us",
        ),
        pytest.param(
            Ended(exit_code=1, was_ready=True, stderr=("cat: a.txt: No such file or directory",)),
            Failure(kind="unknown", said="cat: a.txt: No such file or directory"),
            id="what has begun is installed",
        ),
        pytest.param(
            Ended(exit_code=3, garbled=4),
            Failure(kind="protocol_garbage", said="4 lines could not be read"),
            id="noise",
        ),
        pytest.param(
            Ended(exit_code=0, in_turn=True),
            Failure(kind="unknown", said="exit code 0, in a turn"),
            id="it went away in the middle",
        ),
        pytest.param(
            Ended(exit_code=0, stderr=("npm: connection refused while looking for an update",)),
            Failure(kind="unknown", said="npm: connection refused while looking for an update"),
            id="who ends well has nothing to explain",
        ),
        pytest.param(
            Ended(exit_code=255, was_ready=False),
            Failure(kind="unknown", said="exit code 255, before it was ready"),
            id="255 is no signal",
        ),
        pytest.param(
            Ended(exit_code=None),
            Failure(kind="unknown", said="nobody saw how, between turns"),
            id="it was gone when we came back",
        ),
        pytest.param(
            Ended(exit_code=1, fault=fault("odd"), stderr=("\n",)),
            Failure(kind="unknown", said="exit code 1, between turns"),
            id="a fault that says nothing",
        ),
    ],
)
def test_end(ended: Ended, expected: Failure) -> None:
    assert classify(ended) == expected


def test_a_turns_fault_is_told_in_its_own_words() -> None:
    failure = classify_fault(fault("Not logged in ·\nPlease run /login."))

    assert failure.line == (
        "The provider refused the key or the login (Not logged in · Please run /login)."
        " Log in or set a valid key, then restart the window."
    )
    assert classify_fault(fault("", None, "usageLimitExceeded")).said == "usageLimitExceeded"
    assert Failure(kind="clean").line == "It was ended on purpose."


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_row_and_whoever_cannot_retry_is_told_what_to_do(kind: Kind) -> None:
    meaning = MEANINGS[kind]

    assert meaning.retry or meaning.act or kind == "clean"
    assert not (meaning.crash and not meaning.retry), "a crash is tried again until the intensity says no"


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        Ended,
        exit_code=st.none() | st.integers(0, 255),
        signal=st.none() | st.integers(1, 64),
        oom=st.booleans(),
        was_ready=st.booleans(),
        in_turn=st.booleans(),
        ended_by=st.sampled_from(["itself", "owner", "stall", "wedge"]),
        fault=st.none() | st.builds(Fault, message=st.text(), status=st.none() | st.integers(100, 599), code=st.text()),
        stderr=st.lists(st.text(), max_size=4).map(tuple),
        garbled=st.integers(0, 3),
        cwd_exists=st.booleans(),
    )
)
def test_every_end_means_something_in_one_line(ended: Ended) -> None:
    failure = classify(ended)

    assert (failure.kind == "clean") == (ended.ended_by == "owner")
    assert failure.kind in KINDS
    assert len(failure.said) <= 200
    assert len(failure.line.splitlines()) == 1
