"""The one socket through which a fleet is spoken to, from both sides."""
