"""A Codex that is always warm behind one Unix socket, for many clients; its conversations outlive whatever dies."""
