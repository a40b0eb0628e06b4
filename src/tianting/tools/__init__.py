"""What a tool is, and one file per tool."""
