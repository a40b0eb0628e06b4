"""Chat Completions, as OpenAI began it and everybody imitates it."""
