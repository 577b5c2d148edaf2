"""``status``: what a session used, in a line for Claude Code's status line.

It runs every few hundred milliseconds, so it imports little: no settings, no HTTP client.
"""

import argparse
import json
import os
import select
import socket
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ..anthropic.token_types import OUTPUTS, PROMPT
from ..env_file import PREFIX, UnusableFile, user_files
from ..failures import StartError
from ..ledger.figures import cached, money, number

TIMEOUT = 3.0  # seconds for the proxy's answer; a wrong token is answered after one
INPUT_TIMEOUT = 0.2  # seconds for what Claude Code says on standard input
INPUT_LIMIT = 2**20  # bytes of it
ANSWER_LIMIT = 2**22  # bytes of the proxy's answer
LONGEST = 200  # characters of an error: any program may listen there
OK, PAGE_PORT = 200, "9090"
# What reaches a wildcard address from this machine.
LOCAL = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not listened on

Json = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Print the line, or the document that it is made of.

    A status line is for people, and is not shown if its program fails. So an error is printed
    instead, with exit code 0.
    """
    session = options.session or _session(sys.stdin)
    path = f"/ledger/sessions/{quote(session, safe='')}" if session else "/ledger/days?limit=1"
    try:
        found = _get(path, _settings())
        said = json.dumps(found) if options.format == "json" else _said(found, session)
    except StartError as exc:
        if options.format == "json":
            raise
        said = f"anthropic-proxy: {exc}"
    print(said)
    return 0


def _said(found: Json, session: str | None) -> str:
    """Return the line; raises `StartError` for the answer of another program or version."""
    try:
        return line(found) if session else _today(found)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise StartError("the answer is not that of this version of the proxy") from None


def line(used: Json) -> str:
    """Return what a session or a day used."""
    tokens, windows = used["tokens"], used.get("windows", {})
    share = cached(tokens)
    parts = [
        money(used["cost_usd"]),
        f"{number(sum(tokens[kind] for kind in PROMPT))} in",
        f"{number(sum(tokens[kind] for kind in OUTPUTS))} out",
        None if share is None else f"{share:.0%} cached",
        *(f"{name} {part:.0%}" for name, part in windows.items() if part is not None),
    ]
    return " · ".join(part for part in parts if part)


def _today(found: Json) -> str:
    today = found.get("today") or datetime.now().astimezone().date().isoformat()
    day = next((day for day in found["days"] if day["day"] == today), None)
    return "today: nothing yet" if day is None else f"today: {line(day)}"


def _session(stream: Any) -> str | None:
    """Return the session that Claude Code names on standard input, if it says anything."""
    if stream is None or stream.isatty():
        return None
    try:
        said = json.loads(_read(stream.fileno()))
        session = said["session_id"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return session if isinstance(session, str) and session else None


def _read(descriptor: int) -> bytes:
    """Read to the end, for `INPUT_TIMEOUT` at most: nobody may ever write there."""
    text, end = b"", time.monotonic() + INPUT_TIMEOUT
    while len(text) < INPUT_LIMIT:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, end - time.monotonic()))
        piece = os.read(descriptor, INPUT_LIMIT) if ready else b""
        if not piece:
            break
        text += piece
    return text


def _settings() -> Mapping[str, str]:
    """Return the settings of a command that is started in any directory, as they are written."""
    found: dict[str, str] = {}
    try:
        files = user_files()
    except UnusableFile as exc:
        raise StartError(str(exc)) from None
    for file in files:
        from dotenv.parser import parse_stream  # noqa: PLC0415 - most have no such file

        with file.open(encoding="utf-8") as text:
            lines = [(one.key, one.value) for one in parse_stream(text)]
        found |= {name.upper(): value for name, value in lines if name and value}
    return found | {name.upper(): value for name, value in os.environ.items() if value}


def _get(path: str, settings: Mapping[str, str]) -> Json:
    """Ask the pages; raises `StartError` with what is wrong."""
    host = settings.get(f"{PREFIX}HOST", "")
    host = LOCAL.get(host, host)
    port = settings.get(f"{PREFIX}DASHBOARD_PORT", PAGE_PORT)
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    token = settings.get(f"{PREFIX}PAGES_TOKEN")
    head = [f"GET {path} HTTP/1.0", f"host: {at}", "accept: application/json"]
    head += [f"authorization: Bearer {token}"] if token else []
    try:
        status, body = _exchange(host, int(port), "\r\n".join([*head, "", ""]).encode())
        document = _document(body) if status == OK else {}
    except (OSError, OverflowError, ValueError, IndexError):
        raise StartError(f"no answer at {at}") from None
    if status != OK:
        raise StartError(_reason(body) or f"{at} answers {status}")
    return document


def _document(body: bytes) -> Json:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of the kind of what is no JSON at all
    return document


def _reason(body: bytes) -> str:
    """Return what an error says: the pages' own, or the guard's in Anthropic's shape."""
    try:
        error = _document(body).get("error", "")
    except ValueError:
        return ""
    said = str(error.get("message", "") if isinstance(error, dict) else error)
    return "".join(filter(str.isprintable, said))[:LONGEST]


def _exchange(host: str, port: int, request: bytes) -> tuple[int, bytes]:
    """Send a request on a connection of its own; return status and body of the answer."""
    end = time.monotonic() + TIMEOUT
    with socket.create_connection((host, port), TIMEOUT) as connection:
        connection.sendall(request)
        answer = b""
        while len(answer) < ANSWER_LIMIT:
            connection.settimeout(max(0.001, end - time.monotonic()))
            piece = connection.recv(2**16)
            if not piece:
                break
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body
