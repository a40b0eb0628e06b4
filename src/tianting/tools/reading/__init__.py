"""What Read stands on: one reader for each form of file."""
