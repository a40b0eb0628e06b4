"""Hooks: a person's own programs, asked at fixed points of a session, which may see, change or refuse what happens."""
