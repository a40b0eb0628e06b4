"""No answer at all: a table of reasons, and of what a person can do about each."""

import httpx2
import pytest

from tianting.models.http.connection_failures import explain
from tianting.protocol.errors import ModelUnavailable, RequestRejected


@pytest.mark.parametrize(
    ("error", "cause", "line"),
    [
        pytest.param(httpx2.ConnectTimeout(""), "timeout", "h did not take a connection in time.", id="connect"),
        pytest.param(httpx2.PoolTimeout(""), "timeout", "h did not take a connection in time.", id="pool"),
        pytest.param(httpx2.WriteTimeout(""), "timeout", "h did not take the request in time.", id="write"),
        pytest.param(httpx2.ConnectError("No route"), "connection", "h could not be reached: No route", id="route"),
        pytest.param(httpx2.ReadError(""), "connection", "h could not be reached: ReadError", id="without a word"),
        pytest.param(
            httpx2.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"),
            None,
            "The certificate of h is not trusted; set SSL_CERT_FILE to your CA bundle. "
            "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed",
            id="certificate",
        ),
        pytest.param(httpx2.ProxyError("407"), None, "The proxy on the way to h refused: 407", id="proxy"),
        pytest.param(
            httpx2.LocalProtocolError("Illegal header value b'sk-1'"),
            None,
            "The request to h cannot be sent: is there a line break in the key in KEY?",
            id="header",
        ),
    ],
)
def test_reason_is_explained(error: httpx2.TransportError, cause: str | None, line: str) -> None:
    explained = explain(error, str(error), host="h", key_source="KEY")

    assert str(explained) == line
    if cause is None:
        assert isinstance(explained, RequestRejected)
    else:
        assert isinstance(explained, ModelUnavailable)
        assert explained.cause == cause
