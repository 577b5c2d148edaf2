"""Imports what a command runs, without what its libraries import and no command uses.

Two more things make a start slow. A garbage collection while modules load finds nothing and costs
0.1 s; afterwards every full one would look at all that they made. So none runs meanwhile, and what
is there then is frozen.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from types import ModuleType

# httpx imports its own command line, and structlog colours for tracebacks, where a developer's
# tools have brought these.
ABSENT = ("click", "greenlet", "rich")


class Unused:
    """Stands for a class that nothing here makes."""


def _cookie_jar() -> object:
    """Return an empty `CookieJar`."""
    from http.cookiejar import CookieJar  # noqa: PLC0415 - see above

    return CookieJar()


def _no_entry_points(**_: str) -> tuple[()]:
    """Return the plugins of installed packages: none."""
    return ()


# Modules that a library imports for what is not used here, with the names that it takes from them.
STAND_INS: dict[str, dict[str, object]] = {
    # Hypercorn's websockets, which the listener does not make (`app.listener.h1`), its server, logs
    # and workers.
    "hypercorn.protocol.ws_stream": {"WSStream": Unused},
    "hypercorn.asyncio.run": {"worker_serve": Unused},
    "logging.config": dict.fromkeys(("dictConfig", "fileConfig"), Unused),
    "multiprocessing.synchronize": {"Event": Unused},
    # Starlette's forms.
    "starlette.formparsers": dict.fromkeys(
        ("FormParser", "MultiPartException", "MultiPartParser"), Unused
    ),
    # The cookies of httpx's client, which the demo makes.
    "http.cookiejar": {"Cookie": Unused, "CookieJar": _cookie_jar},
    # prometheus-client's own servers.
    "http.server": {"BaseHTTPRequestHandler": Unused},
    "wsgiref.simple_server": dict.fromkeys(
        ("WSGIRequestHandler", "WSGIServer", "make_server"), Unused
    ),
    # pydantic's plugins, and its settings from the command line.
    "importlib.metadata": {"entry_points": _no_entry_points},
    "pydantic_settings.sources.providers.cli": dict.fromkeys(
        (
            "CLI_SUPPRESS",
            "CliDualFlag",
            "CliExplicitFlag",
            "CliImplicitFlag",
            "CliMutuallyExclusiveGroup",
            "CliPositionalArg",
            "CliSettingsSource",
            "CliSubCommand",
            "CliSuppress",
            "CliToggleFlag",
            "CliUnknownArgs",
            "CliVariadicArg",
        ),
        Unused,
    ),
}


def load(name: str) -> ModuleType:
    """Return a module of this package, ``name`` being relative to it.

    Another version of a library may take more from a module than its stand-in has: then that module
    is imported, too.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        with suppress(ImportError, AttributeError, TypeError), _kept_out():
            return import_module(f".{name}", __package__)
        return import_module(f".{name}", __package__)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


@contextmanager
def _kept_out() -> Iterator[None]:
    """Let imports of what is not used fail, or find a stand-in, where nobody has it yet."""
    stand_ins = {name: _module(name, members) for name, members in STAND_INS.items()}
    wanted: dict[str, ModuleType | None] = {**dict.fromkeys(ABSENT), **stand_ins}
    ours = {name: module for name, module in wanted.items() if name not in sys.modules}
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment] # None: absent
    modules.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del modules[name]


def _module(name: str, members: dict[str, object]) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(members)
    return made
