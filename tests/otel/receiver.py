"""A small OTLP receiver on loopback: what a collector would get."""

import gzip
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from app.certificates import Certificate

PATIENCE = 60.0  # seconds that a test waits at most


@dataclass(frozen=True)
class Got:
    """A request: its path, header fields (lower case) and body, decompressed."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """The received requests. While ``gate`` is not set, requests hang.

    ``status``, ``fields`` and ``answer`` are what is answered; an ``answer`` of None never ends.
    ``connections`` are those that were accepted.
    """

    url: str
    status: int = 200
    fields: dict[str, str] = field(default_factory=dict)
    answer: bytes | None = b""
    connections: int = 0
    got: list[Got] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def spans(self) -> list[tuple[dict[str, Any], Any]]:
        """Return the resource's attributes and the span, of each span."""
        requests = (
            ExportTraceServiceRequest.FromString(one.body)
            for one in self.got
            if one.path.endswith("/v1/traces")
        )
        return [
            (attributes(resource.resource.attributes), span)
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> dict[str, Any]:
        """Return the last state of every metric by its name."""
        requests = (
            ExportMetricsServiceRequest.FromString(one.body)
            for one in self.got
            if one.path.endswith("/v1/metrics")
        )
        return {
            metric.name: metric
            for request in requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def text(self, service: str = "") -> str:
        """Return everything that was received as text; that of one ``service``, if named."""
        kinds: dict[str, Any] = {
            "/v1/traces": ExportTraceServiceRequest,
            "/v1/metrics": ExportMetricsServiceRequest,
            "/v1/logs": ExportLogsServiceRequest,
        }
        texts = (
            f"{one.headers}\n{kinds[one.path].FromString(one.body)}"
            for one in self.got
            if one.path in kinds
        )
        return "\n".join(text for text in texts if service in text)

    def wait(self, spans: int, service: str = "") -> None:
        """Wait, bounded, until as many spans are here, of one ``service`` if named."""

        def here() -> int:
            return sum(service in resource["service.name"] for resource, _ in self.spans())

        with self.arrived:
            assert self.arrived.wait_for(lambda: here() >= spans, PATIENCE)


@contextmanager
def receiving(certificate: Certificate | None = None) -> Iterator[Receiver]:
    """Run a receiver, over TLS if it has a certificate."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            receiver.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            fields = {name.lower(): value for name, value in self.headers.items()}
            with receiver.arrived:
                receiver.got.append(Got(self.path, fields, body))
                receiver.arrived.notify_all()
            receiver.gate.wait(PATIENCE)
            self.send_response(receiver.status)
            for name, value in receiver.fields.items():
                self.send_header(name, value)
            if receiver.answer is not None:
                self.send_header("content-length", str(len(receiver.answer)))
            self.end_headers()
            if receiver.answer is not None:
                self.wfile.write(receiver.answer)
                return
            self.close_connection = True
            with suppress(OSError):  # the exporter has read enough
                while True:
                    self.wfile.write(bytes(2**16))

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.cert_file, certificate.key_file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    receiver = Receiver(f"{scheme}://127.0.0.1:{server.server_port}")
    receiver.gate.set()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def attributes(pairs: Any) -> dict[str, Any]:
    """Return attributes as a dictionary."""
    return {pair.key: _value(pair.value) for pair in _typed(pairs)}


def _typed(pairs: Any) -> list[KeyValue]:
    return list(pairs)


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return None if kind is None else getattr(value, kind)
