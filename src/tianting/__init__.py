"""Tianting: an open coding agent, and the court that keeps many of them alive."""

__version__ = "0.1.0"
