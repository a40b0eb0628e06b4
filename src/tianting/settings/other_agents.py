"""Keys that other agents' settings files use and we do not, as data: they are accepted in silence, and listed.

A key of `schema.py` must not stand here as well; a test sees to it.
"""

from tianting.sandbox.settings import WITHOUT_EFFECT

_TOP = (
    "$schema",
    "agent",
    "allowedMcpServers",
    "alwaysThinkingEnabled",
    "apiKeyHelper",
    "askUserQuestionTimeout",
    "autoCompactEnabled",
    "autoCompactWindow",
    "autoMemoryDirectory",
    "autoMemoryEnabled",
    "autoUpdatesChannel",
    "availableModels",
    "awsAuthRefresh",
    "awsCredentialExport",
    "claudeMdExcludes",
    "companyAnnouncements",
    "defaultShell",
    "deniedMcpServers",
    "disableBundledSkills",
    "editorMode",
    "enabledPlugins",
    "extraKnownMarketplaces",
    "fileCheckpointingEnabled",
    "fileSuggestion",
    "forceLoginMethod",
    "forceLoginOrgUUID",
    "gcpAuthRefresh",
    "httpHookAllowedEnvVars",
    "includeCoAuthoredBy",
    "includeGitInstructions",
    "maxEffortLevel",
    "modelOverrides",
    "otelHeadersHelper",
    "outputStyle",
    "plansDirectory",
    "precomputeCompactionEnabled",
    "promptCacheTtl",
    "respectGitignore",
    "skillListingBudgetFraction",
    "skillListingMaxDescChars",
    "skillOverrides",
    "skipDangerousModePermissionPrompt",
    "spinnerTipsEnabled",
    "spinnerVerbs",
    "statusLine",
    "strictKnownMarketplaces",
    "subagentPromptCacheTtl",
    "subagentStatusLine",
    "theme",
    "tui",
    "verbose",
    "viewMode",
    "worktree",
)
_PERMISSIONS = ("blockReadsOutsideWorkingDirectories", "blockWritesOutsideWorkingDirectories", "disableAutoMode")

NOT_USED_YET = frozenset(
    {
        *((name,) for name in _TOP),
        *(("permissions", name) for name in _PERMISSIONS),
        *(("sandbox", *name.split(".")) for name in WITHOUT_EFFECT),
    }
)
"""Full keys."""
