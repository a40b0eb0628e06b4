"""Says what happened in programs that run for long: figures, logs and traces. Nothing that starts fast imports it."""
