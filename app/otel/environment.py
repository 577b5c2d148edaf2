"""What the standard ``OTEL_*`` variables ask for. Pure.

They are read from the environment only, never from an env file: a file in the working directory
must not decide where an export goes, or with which credentials. `app.otel.variables` says which
values are valid; the SDK's exporters read the rest (`app.otel.sdk`).
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from . import variables
from .variables import number

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
DISABLED = "OTEL_SDK_DISABLED"
OTLP = "otlp"
PARENT = "parentbased_always_on"  # the sampler by default
GRPC = "grpc"
# The specification counts milliseconds, the SDK for Python seconds. Nobody waits 100 s for a
# collector, or less than 0.1 s, so a number below is of seconds and one from here of milliseconds.
MILLISECONDS = 100


class Batches(msgspec.Struct, frozen=True):
    """The bounds of the batch span processor. Its ``delay`` is in seconds."""

    queue: int = 2048
    delay: float = 5.0
    size: int = 512


class Destination(msgspec.Struct, frozen=True):
    """Where a signal goes; an export may take ``timeout`` seconds, its retries included."""

    url: str
    timeout: float = 10.0


class Limits(msgspec.Struct, frozen=True):
    """What a span may have at most; None for no limit. Without limits all of them are None."""

    length: int | None = None  # characters of an attribute's value
    attributes: int | None = None
    events: int | None = None
    event_attributes: int | None = None


class Wanted(msgspec.Struct, frozen=True):
    """What to export, and where to.

    ``problems`` say why something that was asked for is not exported, ``ignored`` which variables
    are not valid. ``interval`` is the time between two exports of metrics in seconds; ``delta``
    says that these hold what is new only. ``sampler`` is the name of the sampler of traces.
    """

    traces: Destination | None = None
    metrics: Destination | None = None
    batches: Batches = Batches()
    limits: Limits = Limits()
    interval: float = 60.0
    delta: bool = False
    sampler: str = PARENT
    problems: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether anything is to be exported."""
        return self.traces is not None or self.metrics is not None


def read(environ: Mapping[str, str]) -> Wanted:
    """Return what the variables ask for."""
    if _word(environ, DISABLED) == "true":
        return Wanted()
    asked = [signal for signal in ("TRACES", "METRICS") if _asked(environ, signal)]
    problems = {signal: _problem(environ, signal) for signal in asked}
    destinations = {
        signal: _destination(environ, signal)
        for signal, problem in problems.items()
        if problem is None
    }
    return Wanted(
        traces=destinations.get("TRACES"),
        metrics=destinations.get("METRICS"),
        batches=_batches(environ),
        limits=_limits(environ),
        interval=number(environ, "OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1000,
        delta=_word(environ, variables.TEMPORALITY) in ("delta", "lowmemory"),
        sampler=_sampler(environ),
        problems=tuple(dict.fromkeys(filter(None, problems.values()))),
        ignored=tuple(variables.invalid(environ)) if destinations else (),
    )


def _word(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip().lower()


def _asked(environ: Mapping[str, str], signal: str) -> bool:
    """Return True if a signal has an endpoint, and no exporter other than OTLP was chosen."""
    chosen = _word(environ, f"OTEL_{signal}_EXPORTER") or OTLP
    return bool(_endpoint(environ, signal)[1]) and OTLP in map(str.strip, chosen.split(","))


def _problem(environ: Mapping[str, str], signal: str) -> str | None:
    name, endpoint = _endpoint(environ, signal)
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return f"{name}: must be a URL such as http://localhost:4318"
    own = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    named = own if environ.get(own) else PROTOCOL
    if _word(environ, named) == GRPC:
        return f"{named}=grpc: only http/protobuf is supported, usually on port 4318"
    return None


def _endpoint(environ: Mapping[str, str], signal: str) -> tuple[str, str]:
    """Return the variable that names a signal's endpoint, and its value."""
    own = f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"
    name = own if environ.get(own, "").strip() else ENDPOINT
    return name, environ.get(name, "").strip()


def _destination(environ: Mapping[str, str], signal: str) -> Destination:
    """Return where a signal goes: an endpoint of its own as it stands, else below the general."""
    name, endpoint = _endpoint(environ, signal)
    url = f"{endpoint.rstrip('/')}/v1/{signal.lower()}" if name == ENDPOINT else endpoint
    own = f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT"
    timeout = number(environ, own, number(environ, "OTEL_EXPORTER_OTLP_TIMEOUT", 10))
    seconds = timeout / 1000 if timeout >= MILLISECONDS else timeout
    most = "OTEL_BSP_EXPORT_TIMEOUT" if signal == "TRACES" else "OTEL_METRIC_EXPORT_TIMEOUT"
    return Destination(url, min(seconds, number(environ, most, 30_000) / 1000))


def _batches(environ: Mapping[str, str]) -> Batches:
    default = Batches()
    queue = number(environ, "OTEL_BSP_MAX_QUEUE_SIZE", default.queue)
    size = number(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default.size)
    delay = number(environ, "OTEL_BSP_SCHEDULE_DELAY", int(default.delay * 1000)) / 1000
    return Batches(queue, delay, min(size, queue))


def _limits(environ: Mapping[str, str]) -> Limits:
    """Return the limits of spans. Those by default are never reached, so they are none."""

    def limit(*names: str) -> int | None:
        found = (number(environ, name, -1) for name in names)
        return next((one for one in found if one >= 0), None)

    attributes = "OTEL_ATTRIBUTE_COUNT_LIMIT"
    return Limits(
        length=limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
        attributes=limit("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", attributes),
        events=limit("OTEL_SPAN_EVENT_COUNT_LIMIT"),
        event_attributes=limit("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", attributes),
    )


def _sampler(environ: Mapping[str, str]) -> str:
    """Return the sampler's name; that by default for one that is not known, as in the SDK."""
    chosen = _word(environ, variables.SAMPLER)
    return chosen if chosen in variables.SAMPLERS else PARENT
