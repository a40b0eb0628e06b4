"""A provider behind TLS: its certificate is checked, and a large answer passes without the loss of a byte.

`localhost.pem` is a throw-away certificate of nobody, with its key, for the name localhost.
"""

import ssl
from pathlib import Path

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

from tests.gateway.stage import BODY, stage, upstream

pytestmark = pytest.mark.anyio

CERTIFICATE = Path(__file__).with_name("localhost.pem")
PIECES = [b"%x\r\n%s\r\n" % (100_000, bytes([letter]) * 100_000) for letter in b"abcdefgh"]


async def test_the_certificate_is_checked_and_every_byte_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    plain = await anyio.create_tcp_listener(local_host="127.0.0.1")
    url = f"https://localhost:{plain.extra(SocketAttribute.local_port)}"
    async with TLSListener(plain, context, standard_compatible=False) as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, _answer)
        async with stage(upstream(url)) as played:
            distrusted = await played.ask()
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        async with stage(upstream(url)) as played:
            trusted = await played.ask()
        tasks.cancel_scope.cancel()

    assert (distrusted.status, b"certificate verify failed" in distrusted.body) == (502, True)
    assert (trusted.status, trusted.body == b"".join(PIECES) + b"0\r\n\r\n") == (200, True)


async def _answer(stream: ByteStream) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    async with stream:
        received = b""
        while not received.endswith(BODY):
            received += await stream.receive()
        await stream.send(head + b"".join(PIECES) + b"0\r\n\r\n")
        await anyio.sleep_forever()
