"""Sees a shell command as the shell will: which programs run, with which words, touching which files."""
