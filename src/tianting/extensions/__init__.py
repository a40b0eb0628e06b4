"""What a project or a person adds to the agent without changing it."""
