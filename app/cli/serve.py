"""``serve``: the proxy itself, and what runs without a command."""

from ..imports import load
from ..settings import Settings
from .serving import announce, serving


def run(_: object) -> int:
    """Serve until a signal comes."""
    return serving(_serve)


async def _serve(loaded: Settings) -> None:
    if loaded.workers > 1:
        await load("workers.supervisor").supervise(
            loaded, started=lambda at, facts: announce(at, loaded, facts)
        )
    else:
        await load("server.alone").serve_alone(
            loaded, started=lambda at, facts: announce(at, loaded, facts)
        )
