"""Why a request got no answer at all, and whether trying again can help: a wrong certificate stays wrong."""

import httpx2

from tianting.protocol.errors import ModelError, ModelUnavailable, RequestRejected


def explain(error: httpx2.TransportError, told: str, *, host: str, key_source: str) -> ModelError:
    """What `error` amounts to. `told` is its text without secrets."""
    match error:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return ModelUnavailable(f"{host} did not take a connection in time.", cause="timeout")
        case httpx2.TimeoutException():
            return ModelUnavailable(f"{host} did not take the request in time.", cause="timeout")
        case httpx2.LocalProtocolError():  # its text may quote a header, and so the key
            return RequestRejected(
                f"The request to {host} cannot be sent: is there a line break in the key in {key_source}?"
            )
        case httpx2.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in told:
            return RequestRejected(
                f"The certificate of {host} is not trusted; set SSL_CERT_FILE to your CA bundle. {told}"
            )
        case httpx2.ProxyError():
            return RequestRejected(f"The proxy on the way to {host} refused: {told}")
        case _:
            reason = told or type(error).__name__
            return ModelUnavailable(f"{host} could not be reached: {reason}", cause="connection")
