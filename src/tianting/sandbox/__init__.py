"""Runs a command inside a policy: what it may touch is enforced by the operating system, not by its good will."""
