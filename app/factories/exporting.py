"""Makes what exports spans and metrics by OpenTelemetry, if the standard variables ask for it.

Nothing of OpenTelemetry is imported before that is known.
"""

import functools
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import httpx
import structlog

from .. import __version__
from ..anthropic.prices import Prices
from ..otel import environment
from ..settings import Settings
from ..telemetry.recorders.spans import Exporter
from ..wire.origin import LOOPBACK, Origin

MODELS = 256  # names of models whose form in the price list is remembered
FILES = ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
NOT_EXPORTED = "not exported by OpenTelemetry"
INSTALL = "pip install 'anthropic-proxy[otel]'"

log = structlog.get_logger(__name__)


def exporter_of(
    settings: Settings, prices: Prices, environ: Mapping[str, str] = os.environ
) -> Exporter | None:
    """Return the exporter, None if nothing is to be exported or the extra is not installed.

    The variables are often those of another program, such as Claude Code: nothing in them keeps
    the proxy from starting.
    """
    wanted = environment.read(environ)
    for problem in wanted.problems:
        log.warning(NOT_EXPORTED, reason=problem)
    if not wanted.anything:
        return None
    for reason in (*wanted.ignored, *_unreadable(environ)):
        log.warning("OpenTelemetry variable ignored", reason=reason)
    if _loops(settings, wanted):
        log.warning(NOT_EXPORTED, reason=f"{environment.ENDPOINT}: is the proxy itself")
        return None
    try:
        return _made(settings, prices, wanted)
    except ImportError:
        reason = "OTEL_* variables are set, but the extra is not installed"
        log.warning(NOT_EXPORTED, reason=reason, install=INSTALL)
    except Exception as error:  # noqa: BLE001 - the SDK reads more variables, its messages have values
        reason = f"the SDK cannot start with these OTEL_* variables: {type(error).__name__}"
        log.warning(NOT_EXPORTED, reason=reason)
    return None


def _unreadable(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with each variable that names a file."""
    for signal, kind in itertools.product(("", "TRACES_", "METRICS_"), FILES):
        name = f"OTEL_EXPORTER_OTLP_{signal}{kind}"
        if (file := environ.get(name)) and not os.access(file, os.R_OK):
            yield f"{name}: must be a file that can be read; exports over TLS fail"


def _loops(settings: Settings, wanted: environment.Wanted) -> bool:
    """Return True if a span would be sent to the proxy, which would make a span of it."""
    ports = (settings.port, settings.dashboard_port, settings.forward_port)
    urls = (urlsplit(to.url) for to in (wanted.traces, wanted.metrics) if to is not None)
    return any(
        url.port in ports and url.hostname in (settings.host, *LOOPBACK) for url in urls if url.port
    )


def _made(settings: Settings, prices: Prices, wanted: environment.Wanted) -> Exporter:
    """Return the exporter; raises ImportError without the extra."""
    from ..otel import exporter, limits, sdk, span  # noqa: PLC0415 - 0.2 s and 20 MB, for those who ask

    origin = Origin.of(httpx.URL(settings.origin.url))
    api = span.Api(
        address=origin.host,
        port=origin.port,
        exact=functools.lru_cache(MODELS)(prices.exact),
        canonical=functools.lru_cache(MODELS)(prices.canonical),
    )
    collector = sdk.Sdk(wanted, __version__, time.time_ns)
    limit = functools.partial(limits.limited, limits=wanted.limits)
    limited = wanted.limits != environment.Limits()
    return exporter.Exporter(
        collector, api, wanted, time.monotonic, limit=limit if limited else None
    )
