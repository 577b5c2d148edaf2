"""How a defect of the proxy is logged: where it is, not what it says, which may quote a request."""

import traceback

import structlog

log = structlog.get_logger(__name__)


def report(what: str, defect: Exception) -> None:
    """Log where ``what`` failed."""
    where = traceback.extract_tb(defect.__traceback__)[-1]
    log.error(
        what,
        error=type(defect).__name__,
        where=f"{where.filename}:{where.lineno} {where.name}",
    )
