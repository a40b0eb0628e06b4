"""How many tokens a prompt has, where nobody counts them for us."""

BYTES_PER_TOKEN = 3.5
"""A little less than the 4 that English has: code and JSON take more tokens, and too high an estimate is harmless."""


def estimate_tokens(body: bytes) -> int:
    """Tokens in the JSON of a request, from its length. Pictures are counted as text, which is far too much."""
    return round(len(body) / BYTES_PER_TOKEN)
