"""The same stream of deltas from every provider of models."""
