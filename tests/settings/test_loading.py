"""The whole way: from files of every level to the settings in force."""

from pathlib import Path
from typing import Any

import pytest

from tests.settings.conftest import put
from tianting.protocol.errors import ConfigError
from tianting.settings.levels import Places
from tianting.settings.loading import Loaded, load_settings
from tianting.settings.schema import ModelSettings, PermissionSettings, Settings
from tianting.settings.trust import trust


def test_nothing_is_needed(places: Places) -> None:
    assert load_settings(places) == Loaded(settings=Settings())


def test_higher_level_wins_and_lists_add_up(places: Places) -> None:
    put(places.managed[0], {"permissions": {"deny": ["Bash(rm:*)"]}})
    put(
        places.home / "settings.json",
        {
            "model": "opus",
            "permissions": {"allow": ["Read"], "defaultMode": "plan"},
            "models": {"m": {"maxOutput": 5}},
        },
    )
    more = '{"model": "haiku", "permissions": {"allow": ["Edit", "Read"]}, "models": {"m": {"images": false}}}'

    loaded = load_settings(places, more)

    assert loaded.settings == Settings(
        model="haiku",
        permissions=PermissionSettings(allow=("Edit", "Read"), deny=("Bash(rm:*)",), default_mode="plan"),
        models={"m": ModelSettings(max_output=5, images=False)},
    )
    assert [statement.source.name for statement in loaded.about("permissions", "allow")] == [
        "--settings",
        "--settings",
        str(places.home / "settings.json"),
    ]


PROJECT_FILE = {
    "hooks": {"Stop": [{"hooks": [{"command": "a"}]}]},
    "permissions": {"allow": ["Bash(make)"], "deny": ["Read(.env)"]},
    "mcpServers": {"db": {"command": "b"}},
    "providers": {"anthropic": {"baseUrl": "http://elsewhere"}},
    "env": {"PATH": "/x", "OPENAI_API_KEY": "k"},
    "language": "French",
}


def test_project_forbids_but_allows_nothing_until_it_is_trusted(places: Places) -> None:
    path = put(places.own_file("project"), PROJECT_FILE)

    loaded = load_settings(places)

    assert loaded.settings == Settings(permissions=PermissionSettings(deny=("Read(.env)",)), language="French")
    assert [statement.key for statement in loaded.waiting] == [
        ("hooks", "Stop"),
        ("permissions", "allow"),
        ("mcpServers", "db"),
        ("env", "PATH"),
    ]
    assert loaded.warnings == (
        f"{path}:1:188: a project cannot set providers.anthropic.baseUrl; {places.home}/settings.json can.",
        f"{path}:1:243: a project cannot set env.OPENAI_API_KEY; {places.home}/settings.json can.",
        (
            f"{path}: 1 hook, 1 allow rule, 1 MCP server, 1 variable will not count until you trust this project: "
            f"`tianting trust` shows them ({places.project})."
        ),
    )


def test_trusted_project_counts_but_never_moves_keys(places: Places) -> None:
    put(places.own_file("project"), PROJECT_FILE)
    trust(places.home, places.project, load_settings(places).waiting, now=0.0)

    loaded = load_settings(places)

    assert loaded.settings == Settings(
        hooks={"Stop": ({"hooks": [{"command": "a"}]},)},
        permissions=PermissionSettings(allow=("Bash(make)",), deny=("Read(.env)",)),
        mcp_servers={"db": {"command": "b"}},
        env={"PATH": "/x"},
        language="French",
    )
    assert loaded.waiting == ()
    assert len(loaded.refused) == len(loaded.warnings) == 2


def test_what_a_trusted_project_adds_waits_and_the_rest_goes_on(places: Places) -> None:
    put(places.own_file("project"), {"permissions": {"allow": ["Bash(make)"]}})
    trust(places.home, places.project, load_settings(places).waiting, now=0.0)
    put(places.own_file("project"), {"permissions": {"allow": ["Bash(curl:*)", "Bash(make)"]}})

    loaded = load_settings(places)

    assert loaded.settings.permissions.allow == ("Bash(make)",)
    assert [statement.value for statement in loaded.waiting] == ["Bash(curl:*)"]


def test_other_agent_s_user_file_restricts_in_silence(places: Places) -> None:
    assert places.other_home is not None
    put(
        places.other_home / "settings.json",
        {"permissions": {"deny": ["WebFetch"], "allow": ["Bash"]}, "apiKeyHelper": "x", "env": {"A_BASE_URL": "u"}},
    )

    loaded = load_settings(places)

    assert loaded.settings == Settings(permissions=PermissionSettings(deny=("WebFetch",)))
    assert loaded.warnings == ()

    trust(places.home, places.other_home, loaded.waiting, now=0.0)
    assert load_settings(places).settings.permissions.allow == ("Bash",)


@pytest.mark.parametrize(
    ("managed", "user", "expected"),
    [
        pytest.param(
            {"allowManagedPermissionRulesOnly": True, "permissions": {"allow": ["Read"]}},
            {"permissions": {"allow": ["Bash"], "deny": ["WebFetch"]}},
            Settings(
                allow_managed_permission_rules_only=True,
                permissions=PermissionSettings(allow=("Read",), deny=("WebFetch",)),
            ),
            id="only managed rules",
        ),
        pytest.param(
            {"allowManagedHooksOnly": True, "hooks": {"Stop": [1]}},
            {"hooks": {"Stop": [2]}},
            Settings(allow_managed_hooks_only=True, hooks={"Stop": (1,)}),
            id="only managed hooks",
        ),
        pytest.param(
            {"permissions": {"disableBypassPermissionsMode": "disable"}},
            {"permissions": {"defaultMode": "bypassPermissions"}},
            Settings(permissions=PermissionSettings(disable_bypass_permissions_mode="disable")),
            id="no bypass",
        ),
        pytest.param(
            {"permissions": {"disableBypassPermissionsMode": None}},
            {"permissions": {"disableBypassPermissionsMode": "disable"}},
            Settings(permissions=PermissionSettings(disable_bypass_permissions_mode="disable")),
            id="who disables it is not overruled",
        ),
    ],
)
def test_administrator_decides(
    places: Places, managed: dict[str, Any], user: dict[str, Any], expected: Settings
) -> None:
    put(places.managed[0], managed)
    put(places.home / "settings.json", user)

    assert load_settings(places).settings == expected


def test_only_an_administrator_rules_others_out(places: Places) -> None:
    put(places.home / "settings.json", {"allowManagedHooksOnly": True, "hooks": {"Stop": [1]}})

    assert load_settings(places).settings.hooks == {"Stop": (1,)}


def test_wrong_file_stops_everything(places: Places) -> None:
    put(places.own_file("project"), '{"permissions": {"deny": ["Read"}')

    with pytest.raises(ConfigError, match=r"project/\.tianting/settings\.json:1:33 are no JSON"):
        load_settings(places)


def test_warnings_of_a_file_are_passed_on(places: Places) -> None:
    path = put(places.home / "settings.json", '{"\\u001b[2Jodel": "x"}')

    assert load_settings(places).warnings == (f"{path}:1:2: \\x1b[2Jodel is not a setting.",)


@pytest.mark.parametrize("directory", [".tianting", ".claude"])
@pytest.mark.parametrize("name", ["settings.json", "settings.local.json"])
def test_hook_of_a_clone_waits_wherever_it_stands(places: Places, directory: str, name: str) -> None:
    put(places.project / directory / name, {"hooks": {"Stop": [{}]}})

    loaded = load_settings(places)

    assert (loaded.settings.hooks, len(loaded.waiting)) == ({}, 1)


def test_settings_of_today_s_agents_open(places: Places) -> None:
    for path in sorted((Path(__file__).parent.parent / "baselines" / "settings").iterdir()):
        put(places.project / ".claude/settings.json", path.read_text(encoding="utf-8"))

        loaded = load_settings(places)

        named = [line for line in loaded.warnings if "is not a setting" in line or "left out" in line]
        assert named == [], path.name
        assert loaded.settings.permissions.deny, path.name
