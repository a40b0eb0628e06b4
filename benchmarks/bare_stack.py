"""The floor: the libraries an agent here stands on post one small request, and nothing else is done."""

import sys

import anyio
import click  # noqa: F401 - its import is part of the floor
import httpx2
import msgspec


async def main() -> None:
    """Ask once."""
    body = {
        "model": "m",
        "max_tokens": 10,
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}],
    }
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "bench", "content-type": "application/json"}
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        await client.post(f"{sys.argv[1]}/v1/messages", content=msgspec.json.encode(body), headers=headers)


anyio.run(main)
