"""The few facts of a request's body that quotas and the ledger need. All else passes through unread."""

import msgspec
from msgspec import Struct

from tianting.gateway.quotas import Amount
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.usage import Usage

_BYTES_A_TOKEN = 4
_USUAL_OUTPUT = 2_000
"""Tokens that are reserved for an answer: `max_tokens` is often sixty times what is written."""


class Asked(Struct, frozen=True):
    """What a body says. Everything else in it is skipped without being decoded."""

    model: str = ""
    stream: bool | None = False
    max_tokens: int | None = None
    max_output_tokens: int | None = None
    max_completion_tokens: int | None = None

    @property
    def most_output(self) -> int | None:
        """Tokens, in the words of whichever dialect."""
        return self.max_tokens or self.max_output_tokens or self.max_completion_tokens


_DECODER = msgspec.json.Decoder(Asked)


def read_asked(body: bytes) -> Asked | None:
    """The facts; None when `body` is no JSON object, or the model in it is no name."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def estimate(asked: Asked, body_bytes: int, catalogue: ModelCatalogue) -> Amount:
    """What the request may use, from its size."""
    usage = Usage(
        input_tokens=body_bytes // _BYTES_A_TOKEN, output_tokens=min(asked.most_output or _USUAL_OUTPUT, _USUAL_OUTPUT)
    )
    return used(asked.model, usage, catalogue)


def used(model: str, usage: Usage, catalogue: ModelCatalogue) -> Amount:
    """What one request used."""
    return Amount(
        requests=1.0, tokens=float(usage.context_tokens), usd=catalogue.lookup(model).cost_usd(usage) if model else 0.0
    )
