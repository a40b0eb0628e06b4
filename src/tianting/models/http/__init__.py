"""One door to every provider over HTTP, and every way it fails said in our words."""
