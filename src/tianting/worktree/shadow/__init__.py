"""The parts of checkpoints: walk the tree, store what changed, compare, give back."""
