"""Sizes as people say them."""


def in_words(size: int) -> str:
    """`812 bytes`, `3.1 kB`, `1.0 GB`: units of 1,000, one digit behind the point."""
    if size < 1_000:
        return f"{size} bytes"
    value = float(size)
    for unit in ("kB", "MB", "GB"):
        value /= 1_000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1_000:.1f} TB"
