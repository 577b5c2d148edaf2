"""What libraries import and a command does not use, so that `app.imports` keeps it out.

Each module has a `StandIn`, with the names that libraries take from it. One that is called after
all calls the module's own, and a name that it has not got is the module's own once that can be
imported: nothing is missing, it only comes later.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

Members = tuple[str, ...]


class StandIn(ModuleType):
    """Stands for a module; its members are classes, since libraries also derive from some."""

    def __init__(self, name: str, members: Members) -> None:
        super().__init__(name)
        for member in members:
            setattr(self, member, OTHERWISE.get(f"{name}.{member}") or self._later(member))

    def __getattr__(self, member: str) -> Any:
        """Return what the module has by that name; while this stands for it, nothing."""
        if member.startswith("__") or sys.modules.get(self.__name__) is self:
            raise AttributeError(f"the stand-in of {self.__name__} has no {member}")
        return getattr(import_module(self.__name__), member)

    def _later(self, member: str) -> type:
        """Return a class that, when it is called, calls what the module has by that name."""

        def call(cls: type, *args: Any, **kwargs: Any) -> Any:
            if cls is not later:
                raise TypeError(f"{cls.__qualname__} derives from a stand-in of {self.__name__}")
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]
            return getattr(import_module(self.__name__), member)(*args, **kwargs)

        later = type(member, (), {"__new__": call})
        return later


def _no_entry_points(**_: str) -> tuple[()]:
    """Return the plugins of installed packages: none."""
    return ()


def _renderer(**options: Any) -> Callable[..., Any]:
    """Return a renderer of structlog's that is made when it renders."""

    def render(*event: Any) -> Any:
        return import_module("structlog.dev").ConsoleRenderer(**options)(*event)

    return render


# Members that are called, or must be something else than a class, while modules are imported.
OTHERWISE: dict[str, Any] = {
    "idna.IDNAError": UnicodeError,  # its own base, to catch it by
    "importlib.metadata.entry_points": _no_entry_points,  # finding none takes 10 ms
    "structlog.dev.ConsoleRenderer": _renderer,
}

# httpx imports its own command line, and structlog colours for tracebacks, where a developer's
# tools have brought these.
ABSENT = ("click", "greenlet", "rich")

# What libraries reach through its package, as in ``import http.cookies``.
REACHED = ("email.message", "http.client", "http.cookies", "urllib.request")

_SOURCES = "pydantic_settings.sources.providers"

# What no command uses.
ANYWHERE: dict[str, Members] = {
    # Hypercorn's websockets, which the listener does not make (`app.listener.h1`), its server, logs
    # and workers.
    "hypercorn.protocol.ws_stream": ("WSStream",),
    "hypercorn.asyncio.run": ("worker_serve",),
    "logging.config": ("dictConfig", "fileConfig"),
    "multiprocessing.synchronize": ("Event",),
    # Starlette's forms.
    "starlette.formparsers": ("FormParser", "MultiPartException", "MultiPartParser"),
    # The cookies of httpx's client, which the demo makes.
    "http.cookiejar": ("Cookie", "CookieJar"),
    # prometheus-client's own servers.
    "http.server": ("BaseHTTPRequestHandler",),
    "wsgiref.simple_server": ("WSGIRequestHandler", "WSGIServer", "make_server"),
    "socketserver": ("ThreadingMixIn",),
    # pydantic's plugins, JSON schemas and types of values that no setting has, and its settings
    # from elsewhere than the environment and ``.env``.
    "importlib.metadata": ("entry_points",),
    "pydantic.json_schema": (
        "DEFAULT_REF_TEMPLATE",
        "GenerateJsonSchema",
        "JsonSchemaKeyT",
        "JsonSchemaMode",
        "JsonSchemaValue",
        "PydanticJsonSchemaWarning",
        "model_json_schema",
    ),
    "fractions": ("Fraction",),
    "zoneinfo": ("ZoneInfo", "ZoneInfoNotFoundError"),
    "importlib.resources.abc": ("Traversable",),
    f"{_SOURCES}.aws": ("AWSSecretsManagerSettingsSource", "AWSSystemsManagerSettingsSource"),
    f"{_SOURCES}.azure": ("AzureKeyVaultSettingsSource",),
    f"{_SOURCES}.cli": (
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
    f"{_SOURCES}.gcp": ("GoogleSecretManagerSettingsSource",),
    f"{_SOURCES}.json": ("JsonConfigSettingsSource",),
    f"{_SOURCES}.nested_secrets": ("NestedSecretsSettingsSource",),
    f"{_SOURCES}.pyproject": ("PyprojectTomlConfigSettingsSource",),
    f"{_SOURCES}.toml": ("TomlConfigSettingsSource",),
    f"{_SOURCES}.yaml": ("YamlConfigSettingsSource",),
    # msgspec's descriptions of types.
    "msgspec._json_schema": ("schema", "schema_components"),
    "msgspec.inspect": (),
}

# What a server does not use, or seldom. Commands do: some ask the proxy by urllib.
SERVING: dict[str, Members] = {
    # Of httpx: its client's requests and its transports, text of answers, names in other scripts.
    "email.message": ("Message",),
    "httpx._transports.asgi": ("ASGITransport",),
    "httpx._transports.mock": ("MockTransport",),
    "httpx._transports.wsgi": ("WSGITransport",),
    "idna": ("IDNAError", "decode", "encode"),
    "urllib.request": (
        "BaseHandler",  # prometheus-client's push gateway, as the other handlers
        "HTTPHandler",
        "HTTPRedirectHandler",
        "HTTPSHandler",
        "Request",
        "build_opener",
        "getproxies",
        "parse_http_list",
    ),
    "urllib.error": ("HTTPError",),
    # Starlette's cookies, dates of files, page about an error, and names of statuses.
    "email.utils": ("format_datetime", "formatdate", "parsedate"),
    "html": ("escape",),
    "http.client": (),
    "http.cookies": ("SimpleCookie", "_unquote"),
    # Hypercorn's own dates.
    "wsgiref.handlers": ("format_date_time",),
    # Logs for people, and pickled ones.
    "pickle": ("PicklingError", "dumps", "loads"),
    "structlog.dev": ("ConsoleRenderer", "_has_colors", "set_exc_info"),
    # Arguments and files of settings, where there are none.
    "argparse": ("Namespace",),
    "dotenv": ("dotenv_values",),
}
