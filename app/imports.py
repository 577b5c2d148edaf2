"""Imports what a command runs, without what its libraries import and no command uses.

Two more things make a start slow. A garbage collection while modules load finds nothing and costs
0.1 s; afterwards every full one would look at all that they made. So none runs meanwhile, and what
is there then is frozen.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from types import ModuleType

from .stand_ins import ABSENT, ANYWHERE, REACHED, SERVING, Members, StandIn

SERVERS = ("cli.serve", "server.", "workers.")  # the modules that a server is loaded by


def load(name: str) -> ModuleType:
    """Return a module of this package, ``name`` being relative to it.

    Another version of a library may take more from a module than its stand-in has: then that module
    is imported, too.
    """
    collecting = gc.isenabled()
    gc.disable()
    context = _sparing if name.startswith(SERVERS) else partial(_kept_out, ANYWHERE)
    try:
        with suppress(ImportError, AttributeError, TypeError), context():
            return import_module(f".{name}", __package__)
        return import_module(f".{name}", __package__)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


@contextmanager
def _sparing() -> Iterator[None]:
    """Keep out what a server does not use, and let libraries make classes later."""
    from . import late_classes  # noqa: PLC0415 - a server imports anyway what it imports

    with _kept_out(ANYWHERE | SERVING), late_classes.making_later():
        yield


@contextmanager
def _kept_out(members: dict[str, Members]) -> Iterator[None]:
    """Let imports of what is not used fail, or find a stand-in, where nobody has it yet."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None: absent
    stand_ins = {name: StandIn(name, has) for name, has in members.items() if name not in modules}
    ours = {**dict.fromkeys(name for name in ABSENT if name not in modules), **stand_ins}
    modules.update(ours)
    for name in set(REACHED) & stand_ins.keys():
        package, _, member = name.partition(".")
        setattr(import_module(package), member, stand_ins[name])
    try:
        yield
    finally:
        for name, module in ours.items():
            if modules.get(name) is module:  # one that was called is imported
                del modules[name]
