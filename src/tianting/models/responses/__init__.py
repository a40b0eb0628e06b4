"""OpenAI's own dialect, the Responses API."""
