"""The public test kit: a model that says what was written down, over real HTTP."""
