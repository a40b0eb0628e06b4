"""Sends spans to an OpenTelemetry collector (OTLP over HTTP). Needs the extra `tianting[traces]`.

Imported only where somebody named an endpoint: the SDK is large, and reads variables of its own.
"""

import contextlib
from collections.abc import Iterator

import anyio
import anyio.to_thread
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from tianting.telemetry.context import subject
from tianting.telemetry.masking import masked
from tianting.telemetry.spans import Fact, Span

_TIMEOUT = 5.0
"""Seconds for one delivery. What a collector does not take in time is lost, never waited for."""
_LAST_DELIVERY = 10.0


class ExportingTracer:
    """The `spans.Tracer` that exports. `close` it."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._provider = TracerProvider(resource=Resource({"service.name": "tianting"}), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("tianting.fleet")

    @contextlib.contextmanager
    def span(self, name: str, **facts: Fact) -> Iterator[Span]:
        """See `spans.Tracer`. The window, its generation and its turn are noted by themselves."""
        about = {f"tianting.{key}": value for key, value in subject().items()}
        with self._tracer.start_as_current_span(
            name, attributes={**about, **_clean(facts)}, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield _ExportedSpan(span)
            except BaseException as error:
                # The SDK's own note would hold the whole traceback, and with it whatever stood in a message.
                span.set_status(trace.StatusCode.ERROR, masked(f"{type(error).__name__}: {error}")[:500])
                raise

    async def close(self) -> None:
        """Deliver what is left; what takes longer than ten seconds is lost."""
        with anyio.move_on_after(_LAST_DELIVERY, shield=True):
            await anyio.to_thread.run_sync(self._provider.shutdown, abandon_on_cancel=True)


class _ExportedSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def note(self, **facts: Fact) -> None:
        """See `spans.Span`."""
        self._span.set_attributes(_clean(facts))


def exporting_tracer(endpoint: str) -> ExportingTracer:
    """To the collector at `endpoint`, such as `http://127.0.0.1:4318`. Never raises because nobody listens there."""
    return ExportingTracer(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT))


def _clean(facts: dict[str, Fact]) -> dict[str, Fact]:
    return {f"tianting.{name}": masked(value) if isinstance(value, str) else value for name, value in facts.items()}
