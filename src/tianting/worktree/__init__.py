"""Knows the user's work tree: what is in it and what changed."""
