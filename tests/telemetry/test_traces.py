"""Work of the fleet arrives at a collector as spans, with its parts in it and no secret."""

import http.server
import threading
from collections.abc import Iterator

import anyio
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from tianting.telemetry.context import about
from tianting.telemetry.spans import NoTracer, Tracer
from tianting.telemetry.traces import exporting_tracer

pytestmark = pytest.mark.anyio


class Collector:
    """An OpenTelemetry collector that only listens."""

    def __init__(self) -> None:
        received = self.received = list[bytes]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.path.encode() + b"\n" + self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def spans(self) -> list[SentSpan]:
        found = []
        for request in self.received:
            path, _, body = request.partition(b"\n")
            assert path == b"/v1/traces"
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                found += [span for scope in group.scope_spans for span in scope.spans]
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def collector() -> Iterator[Collector]:
    listening = Collector()
    yield listening
    listening.close()


def facts(span: SentSpan) -> dict[str, object]:
    return {fact.key: fact.value.string_value or fact.value.int_value for fact in span.attributes}


async def test_work_is_told_with_its_parts(collector: Collector) -> None:
    tracer = exporting_tracer(collector.address)
    with about(window="w1", generation=2), tracer.span("window.create", kind="echo") as span:
        with tracer.span("window.start"):
            pass
        span.note(origin="warm")
    with pytest.raises(ValueError, match="planted"), tracer.span("window.recover", key="Bearer planted-key"):
        raise ValueError("token=planted")
    with anyio.fail_after(20):
        await tracer.close()

    spans = {span.name: span for span in collector.spans()}
    create, start, recover = (spans[f"window.{name}"] for name in ("create", "start", "recover"))
    assert facts(create) == {
        "tianting.window": "w1",
        "tianting.generation": 2,
        "tianting.kind": "echo",
        "tianting.origin": "warm",
    }
    assert start.parent_span_id == create.span_id
    assert recover.status.message == "ValueError: token=***"
    assert b"planted" not in b"".join(collector.received)


async def test_nobody_who_listens_costs_nothing() -> None:
    tracer: Tracer = NoTracer()

    with tracer.span("window.create", kind="echo") as span:
        span.note(origin="warm")
