"""A fleet that other processes speak to: what it answers, watches and counts."""
