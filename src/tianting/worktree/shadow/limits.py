"""What checkpoints cover and how long they last: the figures, apart from the code that obeys them."""

from msgspec import Struct

DEPENDENCIES = frozenset(
    {
        *("node_modules", "bower_components", ".pnpm-store", ".yarn"),
        *(".venv", "venv", "__pycache__", ".tox", ".nox", ".eggs", "site-packages"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"),
        *("target", ".gradle", ".m2", ".next", ".nuxt", ".terraform", ".cache", ".bundle"),
        *(".hg", ".svn", ".jj"),
    }
)
"""Folders that a command brings back. They are neither kept nor touched; `.git` never is, whatever stands here."""


class Coverage(Struct, frozen=True, kw_only=True):
    """What of a work tree is kept. The rest is left alone by a restore, and named."""

    file_bytes: int = 32_000_000
    """A larger file is left out."""
    total_bytes: int = 1_000_000_000
    """Of all files together; small ones go first."""
    ignored_file_bytes: int = 1_000_000
    """The same for files that git ignores: mostly products, but a `.env` is there, too."""
    ignored_total_bytes: int = 64_000_000
    files: int = 100_000
    """A tree with more is not a project: no checkpoint is taken."""
    left_out: frozenset[str] = DEPENDENCIES


class Retention(Struct, frozen=True, kw_only=True):
    """How long checkpoints last."""

    prompts: int = 100
    """Checkpoints of prompts."""
    others: int = 100
    """Further states, between prompts."""
    days: float = 30.0
    store_bytes: int = 2_000_000_000
    """Of the store; beyond it the older half goes."""
