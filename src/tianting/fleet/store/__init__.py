"""The memory of a fleet that outlives it."""
