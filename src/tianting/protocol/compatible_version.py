"""Whom clients think they speak to: they ask for a version before they trust a process with a prompt."""

COMPATIBLE_VERSION = "2.1.328"
"""The release of Claude Code whose protocol and flags are ours. SDKs warn below 2.0.0."""
