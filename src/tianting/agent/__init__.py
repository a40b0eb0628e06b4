"""The loop: ask the model, run the tools it calls, repeat until it answers."""
