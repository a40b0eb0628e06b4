"""What Glob and Grep stand on."""
