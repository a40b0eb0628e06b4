"""What every test stands on."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The program runs on asyncio; so do its tests."""
    return "asyncio"
