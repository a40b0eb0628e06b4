"""What a project may say: a table, and nothing forgotten."""

from typing import Any

import pytest

from tianting.models.provider_profiles import PROVIDERS
from tianting.settings.admission import HARMLESS, NEVER, NEVER_IN_ENV, Standing, standing
from tianting.settings.levels import Level, Source
from tianting.settings.schema import Settings
from tianting.settings.statements import Statement


def said(key: str, value: Any = "x", *, index: int | None = None, level: Level = "project") -> Statement:
    source = Source(level=level, name="s.json", text="{}")
    return Statement(source=source, key=tuple(key.split(".")), value=value, index=index)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(said("permissions.deny", index=0), "counts", id="deny"),
        pytest.param(said("permissions.ask", index=0), "counts", id="ask"),
        pytest.param(said("permissions.allow", index=0), "needs trust", id="allow"),
        pytest.param(said("permissions.additionalDirectories", index=0), "needs trust", id="directory"),
        pytest.param(said("permissions.defaultMode", "plan"), "counts", id="plan"),
        pytest.param(
            said("permissions.defaultMode", "default"), "needs trust", id="default instead of the user's plan"
        ),
        pytest.param(said("permissions.defaultMode", "acceptEdits"), "needs trust", id="acceptEdits"),
        pytest.param(said("permissions.defaultMode", "bypassPermissions"), "never", id="bypass"),
        pytest.param(said("permissions.disableBypassPermissionsMode", "disable"), "counts", id="no bypass"),
        pytest.param(said("permissions.disableBypassPermissionsMode", None), "needs trust", id="bypass again"),
        pytest.param(said("permissions.deny", None), "needs trust", id="null for a list"),
        pytest.param(said("hooks.PreToolUse", {}, index=0), "needs trust", id="hook"),
        pytest.param(said("disableAllHooks", True), "needs trust", id="no hooks"),
        pytest.param(said("mcpServers.db", {}), "needs trust", id="server"),
        pytest.param(said("enableAllProjectMcpServers", True), "needs trust", id="all servers"),
        pytest.param(said("enabledMcpjsonServers", index=0), "needs trust", id="named server"),
        pytest.param(said("disabledMcpjsonServers", index=0), "counts", id="server off"),
        pytest.param(said("env.PATH"), "needs trust", id="variable"),
        pytest.param(said("env.ANTHROPIC_BASE_URL"), "never", id="address of a provider"),
        pytest.param(said("env.https_proxy"), "never", id="proxy"),
        pytest.param(said("env.SSL_CERT_FILE"), "never", id="certificates"),
        pytest.param(said("env", {}), "needs trust", id="no variables"),
        pytest.param(said("providers.anthropic.baseUrl"), "never", id="provider"),
        pytest.param(said("models.opus.inputPrice", 0), "never", id="price"),
        pytest.param(said("apiKeyHelper"), "never", id="key helper"),
        pytest.param(said("cleanupPeriodDays", 0), "never", id="transcripts"),
        pytest.param(said("checkpoints.enabled", False), "never", id="undo"),
        pytest.param(said("model"), "needs trust", id="model"),
        pytest.param(said("language"), "counts", id="language"),
        pytest.param(said("spinnerVerbs", []), "counts", id="nobody reads it"),
        pytest.param(said("sandbox.enabled", True), "needs trust", id="sandbox on"),
        pytest.param(said("sandbox.autoAllowBashIfSandboxed", True), "needs trust", id="unasked"),
        pytest.param(said("sandbox.autoAllowBashIfSandboxed", False), "counts", id="asked"),
        pytest.param(said("sandbox.filesystem.denyRead", index=0), "counts", id="hidden file"),
        pytest.param(said("sandbox.filesystem.allowRead", index=0), "needs trust", id="shown file"),
        pytest.param(said("sandbox.network.deniedDomains", index=0), "counts", id="refused host"),
        pytest.param(said("sandbox.network.httpProxyPort", 1), "never", id="sandbox proxy"),
        pytest.param(said("sandbox.bwrapPath"), "never", id="sandbox program"),
        pytest.param(said("sandbox.ripgrep", {}), "never", id="search program"),
        pytest.param(said("providers.x.baseUrl", level="local"), "never", id="local file came with the clone, too"),
        pytest.param(said("providers.x.baseUrl", level="user"), "counts", id="user"),
        pytest.param(said("providers.x.baseUrl", level="managed"), "counts", id="administrator"),
        pytest.param(said("hooks.Stop", {}, index=0, level="command line"), "counts", id="command line"),
    ],
)
def test_standing(statement: Statement, expected: Standing) -> None:
    assert standing(statement) == expected


def test_other_agent_s_user_file_is_a_guest() -> None:
    source = Source(level="user", name="s.json", text="{}", foreign=True)

    assert standing(Statement(source=source, key=("hooks", "Stop"), value={}, index=0)) == "needs trust"


def test_no_project_names_a_variable_that_opens_or_moves_a_provider() -> None:
    names = {name for provider in PROVIDERS.values() for name in (*provider.key_variables, provider.base_url_variable)}

    assert [name for name in sorted(names - {""}) if not NEVER_IN_ENV.fullmatch(name)] == []


@pytest.mark.parametrize("name", sorted(set(Settings.__struct_encode_fields__) - HARMLESS - NEVER))
def test_setting_that_nobody_thought_of_needs_trust(name: str) -> None:
    assert standing(said(name, {"odd": 1})) == "needs trust"
