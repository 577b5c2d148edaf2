"""Every reason of ``x-anthropic-proxy-error``, found where the code makes a failure."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app import errors
from app.errors import ProxyFailure
from app.proxy.upstream.failures import reasons as of_transport
from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of

APP = Path(errors.__file__).parent


def _below(kind: type[ProxyFailure]) -> Iterator[type[ProxyFailure]]:
    for special in kind.__subclasses__():
        yield special
        yield from _below(special)


MADE = {kind.__name__: kind for kind in _below(ProxyFailure) if hasattr(kind, "status")}


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """A reason with what goes with it."""

    reason: str
    status: int
    error_type: str
    source: str


def reasons() -> list[Reason]:
    """Return every reason; one of several statuses occurs once for each."""
    found = {_reason(reason, kind) for reason, kind in (*of_transport(), *_in_code())}
    return sorted(found)


def _reason(reason: str, kind: type[ProxyFailure]) -> Reason:
    return Reason(reason, kind.status, kind.error_type, kind.source)


def _in_code() -> Iterator[tuple[str, type[ProxyFailure]]]:
    """Yield the reason and the class of every call in the code that makes a failure."""
    for file in APP.rglob("*.py"):
        text = file.read_text("utf-8")
        if not any(f"{name}(" in text for name in MADE):
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else None
            called = node.func.id if isinstance(node.func, ast.Name) else called
            if called in MADE and node.args:
                reason = node.args[0]
                if not (isinstance(reason, ast.Constant) and isinstance(reason.value, str)):
                    raise TypeError(f"{file}:{node.lineno}: the reason of a failure is no literal")
                yield reason.value, MADE[called]


def table() -> str:
    """Return the table of reasons."""
    merged: dict[str, list[Reason]] = {}
    for one in reasons():
        merged.setdefault(one.reason, []).append(one)
    rows = [
        (
            f"[`{reason}`](#{reason})",
            ", ".join(str(one.status) for one in several),
            ", ".join(code(kind) for kind in dict.fromkeys(one.error_type for one in several)),
            ", ".join(dict.fromkeys(one.source for one in several)),
        )
        for reason, several in merged.items()
    ]
    return rows_of(("Reason", "Status", "Error type", "Source"), rows)
