"""What follows from the facts: pure decisions, without a clock, a process or a file."""
