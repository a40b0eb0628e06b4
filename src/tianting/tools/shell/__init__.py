"""What Bash stands on: a command from its start to its report, in the foreground or not."""
