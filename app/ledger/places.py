"""Where a ledger is: in a file, or in PostgreSQL. Nothing above needs to know which."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import ModuleType

from . import reader, sqlite
from .file import ledger_file
from .reader import Reader
from .server import Server
from .store import Store

Place = Path | Server

EXTRA = "pip install 'anthropic-proxy[postgres]'"


def place_of(state_dir: Path, url: str | None, *, simulated: bool = False) -> Place:
    """Return where the ledger is; what a demo costs is kept in a file of its own.

    Raises ValueError for a URL that cannot be used here.
    """
    if url is None or simulated:
        return ledger_file(state_dir, simulated=simulated)
    server = Server(url)
    _postgres().check(server)
    return server


def connecting(place: Place) -> Callable[[], Store]:
    """Return what opens the ledger for a thread that writes, as often as it is necessary."""
    if isinstance(place, Path):
        return partial(sqlite.open_store, place)
    opening: Callable[[], Store] = _postgres().Writer(place).open
    return opening


def reading(place: Place, *, seconds: float | None = None) -> AbstractContextManager[Reader]:
    """Open the ledger for queries, as `reader.reading` does a file."""
    if isinstance(place, Path):
        return reader.reading(place, seconds=seconds)
    opened: AbstractContextManager[Reader] = _postgres().reading(place, seconds=seconds)
    return opened


def examine(server: Server) -> str:
    """Return what is found at ``server``; raises `UnusableLedger` if rows cannot be written."""
    found: str = _postgres().examine(server)
    return found


def _postgres() -> ModuleType:
    """Return the part that needs the extra; it takes 0.2 s to import."""
    try:
        from . import postgres  # noqa: PLC0415
    except ImportError:
        raise ValueError(f"needs psycopg: {EXTRA}") from None
    return postgres
