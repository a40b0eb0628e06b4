"""The agent as text, as JSON lines, as a conversation in a terminal."""
