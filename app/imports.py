"""Imports what a command runs, without what its libraries import and no command uses.

Two more things make a start slow. A garbage collection while modules load finds nothing and costs
0.1 s; afterwards every full one would look at all that they made. So none runs meanwhile, and what
is there then is frozen.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

# httpx imports its own command line, and structlog colours for tracebacks, where a developer's
# tools have brought these.
ABSENT = ("click", "greenlet", "rich")
# Hypercorn imports it for wsproto; the listener makes no websocket (`app.listener.h1`).
WEBSOCKETS = "hypercorn.protocol.ws_stream"


def load(name: str) -> ModuleType:
    """Return a module of this package, ``name`` being relative to it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        with _kept_out():
            return import_module(f".{name}", __package__)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


@contextmanager
def _kept_out() -> Iterator[None]:
    """Let imports of what is not used fail, or find an empty class, where nobody has it yet."""
    websockets = ModuleType(WEBSOCKETS)
    vars(websockets)["WSStream"] = type("WSStream", (), {})
    wanted: dict[str, ModuleType | None] = {**dict.fromkeys(ABSENT), WEBSOCKETS: websockets}
    ours = {name: module for name, module in wanted.items() if name not in sys.modules}
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None: absent
    modules.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del modules[name]
