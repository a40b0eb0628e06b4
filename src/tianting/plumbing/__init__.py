"""Machinery with no domain in it: every module here would be of use in another program."""
