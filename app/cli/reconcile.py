"""``reconcile``: compares the proxy's cost with Claude Code's cost of a session."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from .. import settings
from ..anthropic.token_types import TOTALS
from ..factories.telemetry import prices_of
from ..failures import StartError
from ..telemetry.reconciliation import (
    Side,
    Total,
    Verdict,
    of_claude,
    of_proxy,
    session_of,
    verdict,
)
from . import asking, exits
from .unreadable import unreadable

STDIN = "standard input"
CODES = {
    Verdict.EQUAL: 0,
    Verdict.DIFFERENT: exits.DIFFERENT,
    Verdict.UNKNOWN: exits.UNKNOWN,
}


def run(options: argparse.Namespace) -> int:
    """Compare; the exit code is 0 for equal, 1 for different, 2 for cannot tell."""
    loaded = settings.load()
    try:
        result = _result(options.result)
        now = _document(options.after) if options.after else _json(asking.page(loaded, "/metrics"))
        before = _document(options.before) if options.before else None
        claude = of_claude(result, prices_of(loaded).canonical)
        proxy = of_proxy(now, before, session_of(result))
    except OSError as exc:
        print(f"cannot compare: {unreadable(exc.filename or STDIN, exc)}", file=sys.stderr)
        return exits.UNKNOWN
    except (ValueError, StartError) as exc:
        print(f"cannot compare: {exc}", file=sys.stderr)
        return exits.UNKNOWN
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as exc:
        print(f"cannot compare: a document is not of the expected form ({exc!r})", file=sys.stderr)
        return exits.UNKNOWN
    found = verdict(claude, proxy)
    if options.json:
        print(json.dumps(to_builtins({"verdict": found, "claude": claude, "proxy": proxy})))
    else:
        _print(found, claude, proxy)
    return CODES[found]


def _result(name: str) -> Any:
    """Read a result: one JSON document, or one a line (``--output-format stream-json``)."""
    text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    try:
        return _json(text)
    except ValueError:
        with _naming(STDIN if name == "-" else name):
            return [_json(line) for line in text.splitlines() if line.strip()]


def _document(file: Path) -> Any:
    with _naming(file):
        return _json(file.read_text("utf-8"))


@contextmanager
def _naming(file: str | Path) -> Iterator[None]:
    """Name the document that is not JSON."""
    try:
        yield
    except ValueError as exc:
        raise ValueError(f"{file} is not JSON: {exc}") from exc


def _json(text: str | bytes) -> Any:
    """Read strict JSON: Python's own reader takes NaN for a number."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no value of JSON")


def _print(found: Verdict, claude: Side, proxy: Side) -> None:
    print(f"{found}: Claude Code ${claude.total.cost:.4f}, {proxy.scope} ${proxy.total.cost:.4f}")
    nothing = Total()
    models = dict.fromkeys((*claude.models, *proxy.models)) if proxy.models else {}
    for model in models:
        theirs, ours = claude.models.get(model, nothing), proxy.models.get(model, nothing)
        print(f"  {model}: ${theirs.cost:.4f}, proxy ${ours.cost:.4f}")
        for kind in TOTALS:
            said, counted = theirs.tokens.get(kind, 0), ours.tokens.get(kind, 0)
            if said != counted:
                print(f"    {kind}: {said:,} tokens, proxy {counted:,}")
    for doubt in proxy.doubts:
        print(f"  not exact: {doubt}")
