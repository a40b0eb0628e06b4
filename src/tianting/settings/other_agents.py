"""Keys that other agents' settings files use and we do not, as data: they are accepted in silence, and listed.

A key of `schema.py` must not stand here as well; a test sees to it.
"""

NOT_USED_YET = frozenset(
    {
        "$schema",
        "agent",
        "allowedHttpHookUrls",
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
    }
)
"""Top-level keys."""

PERMISSIONS_NOT_USED_YET = frozenset(
    {"blockReadsOutsideWorkingDirectories", "blockWritesOutsideWorkingDirectories", "disableAutoMode"}
)
"""Keys inside `permissions`."""
