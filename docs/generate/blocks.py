"""The generated parts of pages, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from docs.generate import (
    alerts,
    boards,
    commands,
    detectors,
    document,
    endpoints,
    metrics,
    performance,
    reasons,
    settings,
    targets,
)

BLOCKS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "alerts": alerts.table,
        "boards": boards.drawings,
        "commands": commands.reference,
        "curves": performance.curves,
        "detectors": detectors.table,
        "document": document.table,
        "endpoints": endpoints.table,
        "metrics": metrics.table,
        "performance": performance.table,
        "speed": performance.short,
        "spent": performance.spent,
        "reasons": reasons.table,
        "settings": settings.table,
        "targets": targets.table,
    }
)
