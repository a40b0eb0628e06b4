"""The three ways in which clients speak to models, from the provider's side."""
