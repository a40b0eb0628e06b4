"""The one engine behind Edit, MultiEdit, Write and apply_patch: where a change goes, and how a file takes it."""
