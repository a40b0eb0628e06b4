"""What a person agrees to holds at once, and is saved where that is possible."""

from pathlib import Path
from typing import Any, Literal

import anyio
import msgspec
import pytest

from tianting.cli.granting import LocalGrants, SessionPermissions
from tianting.cli.judging import Flags, late_judge
from tianting.permissions.decision import Allow, Ask, Deny, Verdict
from tianting.permissions.session_judge import SessionJudge
from tianting.permissions.updates import (
    AddDirectories,
    AddRules,
    Destination,
    PermissionUpdate,
    RemoveDirectories,
    RemoveRules,
    ReplaceRules,
    RuleValue,
    SetMode,
    suggested,
)
from tianting.protocol.errors import ConfigError
from tianting.protocol.tool_calls import Access, ToolCall
from tianting.settings.levels import Places
from tianting.settings.loading import Loaded, load_settings
from tianting.tools.workspace import Workspace

CALL = ToolCall(call_id="c", tool_name="Bash", arguments={"command": "make all"})
ACCESSES = (Access(effect="execute", target="make all"),)
RULES = ("Bash(make all)",)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "project").mkdir()
    project = tmp_path / "project"
    return Places(home=tmp_path / "home", project=project, main_checkout=project, managed=(tmp_path / "managed.json",))


def managed(places: Places, **settings: object) -> Loaded:
    places.managed[0].write_bytes(msgspec.json.encode(settings))
    return load_settings(places)


def test_granted_for_good(places: Places) -> None:
    loaded = load_settings(places)
    judge = late_judge(loaded, Flags(), "default", Workspace(places.project), places.home / "spill")
    grants = LocalGrants(judge, places, loaded)

    assert judge().verdict(CALL, ACCESSES) == Ask(reason="no rule allows make")
    assert grants.offered(CALL, ACCESSES) == RULES
    assert grants.grant(RULES, lasting=True) == f"Saved in {places.own_file('local')}."
    assert judge().verdict(CALL, ACCESSES) == Allow(reason="the rule Bash(make all) allows it")
    assert load_settings(places).settings.permissions.allow == RULES


def test_granted_for_the_session(places: Places) -> None:
    loaded = load_settings(places)
    judge = late_judge(loaded, Flags(), "default", Workspace(places.project), places.home / "spill")

    assert LocalGrants(judge, places, loaded).grant(RULES, lasting=False) == ""
    assert isinstance(judge().verdict(CALL, ACCESSES), Allow)
    assert load_settings(places).settings.permissions.allow == ()


def test_what_cannot_be_saved_holds_for_the_session(places: Places) -> None:
    loaded = load_settings(places)
    judge = late_judge(loaded, Flags(), "default", Workspace(places.project), places.home / "spill")
    (places.project / ".tianting").write_text("no directory")

    said = LocalGrants(judge, places, loaded).grant(RULES, lasting=True)

    assert said.startswith("It holds for this session only: Settings in ")
    assert isinstance(judge().verdict(CALL, ACCESSES), Allow)


def test_administrator_leaves_no_rule_to_anybody(places: Places) -> None:
    loaded = managed(places, allowManagedPermissionRulesOnly=True)
    workspace, spill = Workspace(places.project), places.home / "spill"
    judge = late_judge(loaded, Flags(), "default", workspace, spill)

    assert LocalGrants(judge, places, loaded).offered(CALL, ACCESSES) == ()
    with pytest.raises(ConfigError, match="--allowedTools: an administrator leaves allow rules to managed settings"):
        late_judge(loaded, Flags(allowed=("Bash",)), "default", workspace, spill)
    late_judge(loaded, Flags(disallowed=("Bash",)), "default", workspace, spill)


def test_rule_that_is_not_understood_stops_before_the_first_call(places: Places) -> None:
    with pytest.raises(ConfigError, match="The rule 'Bash\\(\\)' is not understood"):
        late_judge(load_settings(places), Flags(allowed=("Bash()",)), "default", Workspace(places.project), places.home)


MAKE, PUSH = RuleValue(tool_name="Bash", rule_content="make all"), RuleValue(tool_name="Bash", rule_content="git push")
ASKED, ALLOWED = Ask(reason="no rule allows make"), Allow(reason="the rule Bash(make all) allows it")
ALLOW_MAKE = AddRules(rules=(MAKE,), behavior="allow")


class Room:
    """A session without a screen, whose permissions change."""

    def __init__(
        self, places: Places, loaded: Loaded | None = None, flags: Flags | None = None, *, may_bypass: bool = False
    ) -> None:
        self.places = places
        self.workspace = Workspace(places.project)
        loaded = loaded or load_settings(places)
        judge = late_judge(loaded, flags or Flags(), "default", self.workspace, places.home / "spill")
        self.judge: SessionJudge = judge()
        self.permissions = SessionPermissions(judge, "default", places, loaded, self.workspace, may_bypass=may_bypass)

    def apply(self, *updates: PermissionUpdate) -> tuple[str, ...]:
        return anyio.run(self.permissions.apply_updates, updates)

    def verdict(self, command: str = "make all") -> Verdict:
        call = ToolCall(call_id="c", tool_name="Bash", arguments={"command": command})
        return self.judge.verdict(call, (Access(effect="execute", target=command),))

    def writes(self, path: Path) -> Verdict:
        call = ToolCall(call_id="c", tool_name="Write", arguments={"file_path": str(path)})
        return self.judge.verdict(call, (Access(effect="edit", target=str(path)),))


def test_updates_for_the_session_leave_no_trace(places: Places) -> None:
    room = Room(places)

    assert room.verdict() == ASKED
    assert room.apply(ALLOW_MAKE) == ()
    assert room.verdict() == ALLOWED
    assert room.apply(RemoveRules(rules=(MAKE,), behavior="allow")) == ()
    assert room.verdict() == ASKED
    assert not places.own_file("local").exists()


@pytest.mark.parametrize(
    ("destination", "level"), [("localSettings", "local"), ("projectSettings", "project"), ("userSettings", "user")]
)
def test_updates_for_good_hold_now_and_in_the_next_session(
    places: Places, destination: Destination, level: Any
) -> None:
    room, path = Room(places), places.own_file(level)

    added = room.apply(AddRules(rules=(MAKE,), behavior="allow", destination=destination))
    held = room.verdict(), Room(places).verdict()
    removed = room.apply(RemoveRules(rules=(MAKE,), behavior="allow", destination=destination))

    assert added == (f"Added to permissions.allow in {path}: Bash(make all)",)
    assert held == (ALLOWED, ALLOWED)
    assert removed == (f"Removed from permissions.allow in {path}: Bash(make all)",)
    assert (room.verdict(), Room(places).verdict()) == (ASKED, ASKED)


def test_rules_are_replaced_in_their_destination_alone(places: Places) -> None:
    places.home.mkdir()
    places.own_file("user").write_text('{"permissions": {"allow": ["Bash(make all)", "Bash(make x)"]}}')
    room = Room(places, flags=Flags(allowed=("Bash(make y)",)))

    told = room.apply(ReplaceRules(rules=(PUSH,), behavior="allow", destination="userSettings"))

    assert told == (f"Now all of permissions.allow in {places.own_file('user')}: Bash(git push)",)
    assert load_settings(places).settings.permissions.allow == ("Bash(git push)",)
    assert (room.verdict(), room.verdict("make x")) == (ASKED, ASKED)
    assert isinstance(room.verdict("make y"), Allow)


def test_update_for_the_session_takes_no_rule_of_a_file_away(places: Places) -> None:
    places.home.mkdir()
    places.own_file("user").write_text('{"permissions": {"deny": ["Bash(git push)"]}}')
    room = Room(places)

    room.apply(RemoveRules(rules=(PUSH,), behavior="deny"), ReplaceRules(rules=(), behavior="deny"))

    assert isinstance(room.verdict("git push"), Deny)


def test_replacing_rules_leaves_the_session_s_own_outputs_readable(places: Places) -> None:
    room = Room(places)
    output = str(places.home / "spill" / "command-1.txt")

    room.apply(ReplaceRules(rules=(), behavior="allow"))

    call = ToolCall(call_id="c", tool_name="Read", arguments={"file_path": output})
    assert isinstance(room.judge.verdict(call, (Access(effect="read", target=output),)), Allow)


def test_what_a_person_granted_for_good_can_be_taken_back(places: Places) -> None:
    room = Room(places)
    LocalGrants(lambda: room.judge, places, load_settings(places)).grant(RULES, lasting=True)

    room.apply(RemoveRules(rules=(MAKE,), behavior="allow", destination="localSettings"))

    assert room.verdict() == ASKED


def test_directories_count_as_inside_until_they_are_removed(places: Places, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    room, data = Room(places), tmp_path / "data"
    room.apply(SetMode(mode="acceptEdits"))

    before = room.writes(data / "a")
    added = room.apply(AddDirectories(directories=("../data",)))
    inside, known = room.writes(data / "a"), room.workspace.additional
    removed = room.apply(RemoveDirectories(directories=(str(data),)))

    assert (added, removed, known) == ((), (), (data,))
    assert isinstance(before, Ask)
    assert isinstance(inside, Allow)
    assert isinstance(room.writes(data / "a"), Ask)
    assert room.workspace.additional == ()


def test_directories_are_kept_and_taken_out_as_they_were_written(places: Places, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "lib").mkdir()
    places.home.mkdir()
    places.own_file("user").write_text('{"permissions": {"additionalDirectories": ["../lib"]}}')
    room = Room(places)

    room.apply(
        AddDirectories(directories=(str(tmp_path / "data"),), destination="userSettings"),
        RemoveDirectories(directories=("../lib",), destination="userSettings"),
    )

    assert load_settings(places).settings.permissions.additional_directories == (str(tmp_path / "data"),)


@pytest.mark.parametrize("destination", ["localSettings", "projectSettings", "userSettings"])
def test_mode_is_set_now_and_for_good(places: Places, destination: Destination) -> None:
    room = Room(places)

    [told] = room.apply(SetMode(mode="plan", destination=destination))

    assert told.startswith("Now permissions.defaultMode in ")
    assert isinstance(room.verdict(), Deny)
    assert (room.permissions.mode, load_settings(places).settings.permissions.default_mode) == ("plan", "plan")


@pytest.mark.parametrize(
    ("settings", "update", "told"),
    [
        pytest.param(
            {"allowManagedPermissionRulesOnly": True},
            ALLOW_MAKE,
            "an administrator leaves allow rules to managed settings.",
            id="rules are an administrator's",
        ),
        pytest.param(
            {"permissions": {"disableBypassPermissionsMode": "disable"}},
            SetMode(mode="bypassPermissions"),
            "the settings disable bypassPermissions.",
            id="mode is disabled",
        ),
        pytest.param(
            {},
            SetMode(mode="bypassPermissions", destination="userSettings"),
            "bypassPermissions is not allowed in this session: start it with --allow-dangerously-skip-permissions.",
            id="mode that nobody allowed at the start",
        ),
        pytest.param(
            {},
            SetMode(mode="bypassPermissions", destination="localSettings"),
            "bypassPermissions never counts in the settings of a project.",
            id="mode that a project may not choose",
        ),
        pytest.param(
            {},
            AddRules(
                rules=(RuleValue(tool_name="Bash", rule_content=""),), behavior="allow", destination="userSettings"
            ),
            "The rule 'Bash()' is not understood. The parentheses are empty; write Bash for every call.",
            id="rule that is none",
        ),
        pytest.param({}, AddDirectories(directories=("/nowhere",)), "/nowhere is no directory.", id="no directory"),
        pytest.param(
            {},
            AddDirectories(directories=("a\0b",)),
            "A path cannot hold a NUL character. Send it again without.",
            id="no path",
        ),
    ],
)
def test_update_that_cannot_be_is_told_and_the_next_follows(
    places: Places, settings: dict[str, object], update: PermissionUpdate, told: str
) -> None:
    room = Room(places, managed(places, **settings))
    before = room.verdict()

    assert room.apply(update, SetMode(mode="plan")) == (f"Permissions stay as they are: {told}",)
    assert (room.permissions.mode, before) == ("plan", ASKED)
    assert not places.own_file("user").exists()
    assert load_settings(places).settings.permissions.default_mode is None


@pytest.mark.parametrize(
    ("rule", "forbidden"),
    [
        pytest.param("mcp__s", True, id="its server"),
        pytest.param("mcp__s__*", True, id="its server's tools"),
        pytest.param("mcp__s__t", True, id="the tool"),
        pytest.param("mcp__s__t(n:3)", False, id="some of its calls"),
        pytest.param("mcp__other", False, id="another server"),
    ],
)
def test_tool_no_call_of_which_may_run_is_known(places: Places, rule: str, forbidden: bool) -> None:
    assert Room(places, flags=Flags(disallowed=(rule,))).permissions.forbids("mcp__s__t") == forbidden


def test_mode_that_was_allowed_at_the_start_is_had(places: Places) -> None:
    room = Room(places, may_bypass=True)

    assert room.apply(SetMode(mode="bypassPermissions")) == ()
    assert room.permissions.mode == "bypassPermissions"


def test_managed_rules_only_still_lets_others_be_forbidden(places: Places) -> None:
    room = Room(places, managed(places, allowManagedPermissionRulesOnly=True))

    assert room.apply(AddRules(rules=(MAKE,), behavior="deny")) == ()
    assert isinstance(room.verdict(), Deny)
    assert room.permissions.suggested_updates(CALL, ACCESSES) == ()


def test_update_that_cannot_be_saved_holds_for_the_session(places: Places) -> None:
    room = Room(places)
    (places.project / ".tianting").write_text("no directory")

    [told] = room.apply(AddRules(rules=(MAKE,), behavior="allow", destination="localSettings"))

    assert told.startswith("It holds for this session only: Settings in ")
    assert room.verdict() == ALLOWED


def test_suggested_updates_are_the_rules_a_person_is_offered(places: Places) -> None:
    assert Room(places).permissions.suggested_updates(CALL, ACCESSES) == suggested(RULES)


def touching(effect: Literal["read", "edit"], path: Path) -> tuple[ToolCall, tuple[Access, ...]]:
    """A call of the tool that does this to `path`."""
    tool = "Read" if effect == "read" else "Write"
    call = ToolCall(call_id="c", tool_name=tool, arguments={"file_path": str(path)})
    return call, (Access(effect=effect, target=str(path)),)


@pytest.mark.parametrize(
    ("effect", "inside", "kinds"),
    [
        pytest.param("edit", True, [AddRules, SetMode], id="edit in the project"),
        pytest.param("read", False, [AddRules, AddDirectories], id="reading elsewhere"),
        pytest.param("edit", False, [AddRules, AddDirectories, SetMode], id="edit elsewhere"),
    ],
)
def test_what_is_offered_spares_the_question(
    places: Places, tmp_path: Path, effect: Literal["read", "edit"], inside: bool, kinds: list[type[Any]]
) -> None:
    room = Room(places)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    call, accesses = touching(effect, (room.workspace.root if inside else elsewhere) / "notes.txt")

    offered = room.permissions.suggested_updates(call, accesses)
    room.apply(*(update for update in offered if not isinstance(update, AddRules)))

    assert [type(update) for update in offered] == kinds
    assert isinstance(room.judge.verdict(call, accesses), Allow)
