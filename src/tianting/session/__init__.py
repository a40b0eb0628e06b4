"""A conversation that outlives its process."""
