"""The agent as a process that programs drive: JSON lines in, JSON lines out."""
