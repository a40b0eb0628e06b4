"""The Anthropic Messages API: Claude, and all that imitate it."""
