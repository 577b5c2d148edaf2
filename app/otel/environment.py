"""What the standard ``OTEL_*`` variables ask for. Pure.

They are read from the environment only, never from an env file: a file in the working directory
must not decide where an export goes, or with which credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
DISABLED = "OTEL_SDK_DISABLED"
OTLP = "otlp"
PARENT = "parentbased_always_on"  # the sampler by default
GRPC = "grpc"


@dataclass(frozen=True, slots=True)
class Batches:
    """The bounds of the batch span processor. Its ``delay`` is in seconds."""

    queue: int = 2048
    delay: float = 5.0
    size: int = 512


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export; ``problems`` say why something that was asked for is not exported.

    ``interval`` is the time between two exports of metrics in seconds; ``delta`` says that these
    hold what is new only. ``sampler`` is the name of the sampler of traces.
    """

    traces: bool = False
    metrics: bool = False
    batches: Batches = Batches()
    interval: float = 60.0
    delta: bool = False
    sampler: str = PARENT
    problems: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether anything is to be exported."""
        return self.traces or self.metrics


def read(environ: Mapping[str, str]) -> Wanted:
    """Return what the variables ask for."""
    if environ.get(DISABLED, "").strip().lower() == "true":
        return Wanted()
    asked = [signal for signal in ("TRACES", "METRICS") if _asked(environ, signal)]
    problems = {signal: _problem(environ, signal) for signal in asked}
    exported = {signal for signal, problem in problems.items() if problem is None}
    preference = environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "")
    return Wanted(
        traces="TRACES" in exported,
        metrics="METRICS" in exported,
        batches=_batches(environ),
        interval=_number(environ, "OTEL_METRIC_EXPORT_INTERVAL", 60_000) / 1000,
        delta=preference.strip().lower() in ("delta", "lowmemory"),
        sampler=environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or PARENT,
        problems=tuple(dict.fromkeys(filter(None, problems.values()))),
    )


def _asked(environ: Mapping[str, str], signal: str) -> bool:
    """Return True if a signal has an endpoint, and no exporter other than OTLP was chosen."""
    chosen = environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() or OTLP
    return bool(_endpoint(environ, signal)[1]) and OTLP in map(str.strip, chosen.split(","))


def _problem(environ: Mapping[str, str], signal: str) -> str | None:
    name, endpoint = _endpoint(environ, signal)
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        return f"{name}: must be a URL such as http://localhost:4318"
    own = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    named = own if environ.get(own) else PROTOCOL
    if environ.get(named, "").strip().lower() == GRPC:
        return f"{named}=grpc: only http/protobuf is supported, usually on port 4318"
    return None


def _endpoint(environ: Mapping[str, str], signal: str) -> tuple[str, str]:
    """Return the variable that names a signal's endpoint, and its value."""
    own = f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"
    name = own if environ.get(own, "").strip() else ENDPOINT
    return name, environ.get(name, "").strip()


def _batches(environ: Mapping[str, str]) -> Batches:
    default = Batches()
    queue = int(_number(environ, "OTEL_BSP_MAX_QUEUE_SIZE", default.queue))
    size = int(_number(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default.size))
    delay = _number(environ, "OTEL_BSP_SCHEDULE_DELAY", default.delay * 1000) / 1000
    return Batches(queue, delay, min(size, queue))


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    """Return a whole number above 0; anything else is the default, as in the SDK."""
    value = environ.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and 0 < int(value) < 2**31 else default
