"""What a person agrees to holds at once, and is saved where that is possible."""

from pathlib import Path

import msgspec
import pytest

from tianting.cli.granting import LocalGrants
from tianting.cli.judging import Flags, late_judge
from tianting.permissions.decision import Allow, Ask
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
