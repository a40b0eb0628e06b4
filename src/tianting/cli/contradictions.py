"""Options that contradict each other: nothing starts before a person has said which one they mean."""

from collections.abc import Iterable

from tianting.cli.invocation import Invocation
from tianting.protocol.errors import ConfigError
from tianting.protocol.ids import is_uuid

Complaint = tuple[bool, str]


def check(invocation: Invocation) -> None:
    """Refuse what contradicts itself. Raises `ConfigError`."""
    for wrong, complaint in _complaints(invocation):
        if wrong:
            raise ConfigError(complaint)


def _complaints(invocation: Invocation) -> Iterable[Complaint]:
    yield from _about_the_conversation(invocation)
    yield from _about_permissions(invocation)
    yield from _about_print_mode(invocation)
    yield from _about_lines(invocation)


def _about_the_conversation(invocation: Invocation) -> Iterable[Complaint]:
    goes_on = bool(invocation.continue_ or invocation.resume)
    yield invocation.continue_ and invocation.resume is not None, "-c and -r exclude each other: -c is the newest one."
    yield invocation.fork_session and not goes_on, "--fork-session needs -c or -r: say what to copy."
    for flag, uuid in (
        ("--session-id", invocation.session_id),
        ("--resume-session-at", invocation.resume_session_at),
        ("--resume-drops-turn", invocation.resume_drops_turn),
    ):
        not_one = f"{flag}: {uuid!r} is no UUID, like 0b5c9d3e-1f2a-4b6c-8d7e-9f0a1b2c3d4e."
        yield uuid is not None and not is_uuid(uuid), not_one
    yield (
        bool(invocation.session_id) and goes_on and not invocation.fork_session,
        "--session-id names a new session: with -c or -r it needs --fork-session.",
    )
    yield (
        invocation.resume_session_at is not None and not goes_on,
        "--resume-session-at needs -c or -r: say whose message it is.",
    )
    yield (
        invocation.resume_drops_turn is not None and invocation.resume_session_at is None,
        "--resume-drops-turn needs --resume-session-at: say where the conversation is to end.",
    )


def _about_permissions(invocation: Invocation) -> Iterable[Complaint]:
    yield (
        invocation.dangerously_skip_permissions and invocation.permission_mode not in {None, "bypassPermissions"},
        "--dangerously-skip-permissions contradicts --permission-mode.",
    )
    asked = invocation.permission_prompt_tool
    yield (
        asked not in {None, "stdio"} and not str(asked).startswith("mcp__"),
        f"--permission-prompt-tool: {asked!r} is neither stdio nor a tool like mcp__server__tool.",
    )
    yield (
        asked is not None and invocation.input_format != "stream-json",
        "--permission-prompt-tool needs --input-format stream-json, by which the answers come.",
    )


def _about_print_mode(invocation: Invocation) -> Iterable[Complaint]:
    given = {
        "--output-format": invocation.output_format != "text",
        "--include-partial-messages": invocation.include_partial_messages,
        "--json-schema": invocation.json_schema is not None,
        "--max-turns": invocation.max_turns is not None,
        "--max-budget-usd": invocation.max_budget_usd is not None,
        "--no-session-persistence": invocation.no_session_persistence,
    }
    for flag, is_given in given.items():
        yield is_given and not invocation.print, f"{flag} needs -p."


def _about_lines(invocation: Invocation) -> Iterable[Complaint]:
    given = {
        "--include-partial-messages": invocation.include_partial_messages,
        "--include-hook-events": invocation.include_hook_events,
        "--input-format stream-json": invocation.input_format == "stream-json",
    }
    for flag, is_given in given.items():
        yield is_given and invocation.output_format != "stream-json", f"{flag} needs --output-format stream-json."
    yield (
        invocation.replay_user_messages and invocation.input_format != "stream-json",
        "--replay-user-messages needs --input-format stream-json.",
    )
    yield (
        invocation.prompt is not None and invocation.input_format == "stream-json",
        "With --input-format stream-json the prompt comes as a line; leave it out of the command.",
    )
