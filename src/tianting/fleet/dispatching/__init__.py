"""Tasks that go to whichever window suits."""
