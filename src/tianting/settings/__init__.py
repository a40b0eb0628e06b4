"""Files, environment and flags, read once and handed down as small frozen values."""
