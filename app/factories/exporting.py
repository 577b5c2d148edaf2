"""Makes what exports spans and metrics by OpenTelemetry, if the standard variables ask for it.

Nothing of OpenTelemetry is imported before that is known.
"""

import functools
import os
import time
from collections.abc import Mapping

import httpx
import structlog

from .. import __version__
from ..anthropic.prices import Prices
from ..otel import environment
from ..settings import Settings
from ..telemetry.recorders.spans import Exporter
from ..wire.origin import Origin

MODELS = 256  # names of models whose form in the price list is remembered
INSTALL = "pip install 'anthropic-proxy[otel]'"

log = structlog.get_logger(__name__)


def exporter_of(
    settings: Settings, prices: Prices, environ: Mapping[str, str] = os.environ
) -> Exporter | None:
    """Return the exporter, None if nothing is to be exported or the extra is not installed."""
    wanted = environment.read(environ)
    for problem in wanted.problems:
        log.warning("not exported by OpenTelemetry", reason=problem)
    if not wanted.anything:
        return None
    try:
        return _made(settings, prices, wanted)
    except ImportError:
        log.warning(
            "not exported by OpenTelemetry",
            reason="OTEL_* variables are set, but the extra is not installed",
            install=INSTALL,
        )
        return None


def _made(settings: Settings, prices: Prices, wanted: environment.Wanted) -> Exporter:
    """Return the exporter; raises ImportError without the extra."""
    from ..otel import exporter, sdk, span  # noqa: PLC0415 - 0.2 s and 20 MB, for those who ask

    origin = Origin.of(httpx.URL(settings.origin.url))
    api = span.Api(
        address=origin.host,
        port=origin.port,
        exact=functools.lru_cache(MODELS)(prices.exact),
        canonical=functools.lru_cache(MODELS)(prices.canonical),
    )
    collector = sdk.Sdk(wanted, __version__, time.time_ns)
    return exporter.Exporter(collector, api, wanted, time.monotonic)
