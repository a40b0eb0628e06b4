"""The words everything is said in: blocks, messages, calls, events, errors. Nothing here does I/O."""
