"""Groups of exchanges as a table for people, as JSON and as CSV. Pure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..anthropic.token_types import CACHE_WRITES, COUNTED, OUTPUTS
from .figures import cached, money, number
from .queries import Group, Totals

Json = dict[str, Any]

SHOWN = 50  # rows of a table for people, where there may be thousands
BAR = 12  # columns of the longest bar
EIGHTHS = "▏▎▍▌▋▊▉█"
MANY = ("session", "agent", "label")  # groups without a natural bound, whose time is of interest
NOBODY = {
    "session": "(no session)",
    "agent": "(main conversation)",
    "label": "(no label)",
    "model": "(no model)",
}
LONGEST = 64  # characters of a key in a table
# What a narrow terminal has no room for, the least important first.
DISPENSABLE = ("cache write", "input", "cached", "cache read", "last seen", "output", "requests")
# A spreadsheet takes a cell that begins so for a formula (owasp.org, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BOLD, DIM, RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def document(by: str, groups: Sequence[Group]) -> list[Json]:
    """Return one JSON object for each group, its key under the name ``by``."""
    return [_object(by, group) for group in groups]


def _object(by: str, group: Group) -> Json:
    note = {"agent_type": group.note} if by == "agent" else {}
    times = {"first": _iso(group.first), "last": _iso(group.last)} if by in MANY else {}
    return {by: group.key, **note, **times, **totals(group.totals)}


def totals(sums: Totals) -> Json:
    """Return sums as JSON."""
    return {
        "requests": sums.requests,
        "failed": sums.failed,
        "tokens": dict(sums.tokens),
        "cost_usd": sums.cost_usd,
        "unpriced": sums.unpriced,
    }


def comma_separated(by: str, groups: Sequence[Group]) -> str:
    """Return a CSV file (RFC 4180) with a header."""
    text = io.StringIO()
    lines = csv.writer(text)
    tokens = [f"tokens_{kind}" for kind in COUNTED]
    lines.writerow([by, "requests", "failed", *tokens, "cost_usd", "unpriced"])
    for group in groups:
        sums = group.totals
        counts = [sums.tokens[kind] for kind in COUNTED]
        cost = f"{sums.cost_usd:.9f}"
        lines.writerow(
            [_inert(group.key or ""), sums.requests, sums.failed, *counts, cost, sums.unpriced]
        )
    return text.getvalue()


def _inert(text: str) -> str:
    """Return text that is none of `FORMULA`."""
    return f"'{text}" if text.startswith(FORMULA) else text


def table(
    by: str,
    groups: Sequence[Group],
    *,
    colors: bool = False,
    bars: bool = False,
    width: int | None = None,
) -> str:
    """Return an aligned table with a line of totals; ``bars`` show each group's share of cost.

    It has fewer columns, and no bars, where it would be wider than ``width``.
    """
    shown, rest = groups, groups[:0]
    if by in MANY and len(groups) > SHOWN:
        shown, rest = groups[:SHOWN], groups[SHOWN:]
    everything = Group(None, _sum(groups), 0, 0)
    lines = [(_name(by, group), group) for group in shown]
    if rest:
        others = Group(None, _sum(rest), 0, 0)
        lines.append((f"({len(rest):,} more)", others))
    columns = _columns(by, everything.totals)
    cells = [
        [by, *columns],
        *([name, *(cell(group) for cell in columns.values())] for name, group in lines),
        ["total", *(cell(everything) for cell in columns.values())],
    ]
    aligned = _aligned(_narrowed(cells, width))
    dearest = max((group.totals.cost for group in shown), default=0)
    fits = width is None or len(aligned[0]) + 2 + BAR <= width
    if bars and fits and dearest and len(shown) > 1:
        for place, group in enumerate(shown, 1):
            aligned[place] += "  " + _styled(_bar(group.totals.cost / dearest), DIM, colors)
    aligned[0], aligned[-1] = _styled(aligned[0], DIM, colors), _styled(aligned[-1], BOLD, colors)
    return "\n".join(line.rstrip() for line in aligned)


def _columns(by: str, everything: Totals) -> Mapping[str, Callable[[Group], str]]:
    """Return the columns behind the key, by heading; one for failures if there are any."""
    columns: dict[str, Callable[[Group], str]] = {}
    if by in MANY:
        columns["last seen"] = lambda group: _moment(group.last)
    columns["requests"] = lambda group: f"{group.totals.requests:,}"
    if everything.failed:
        columns["failed"] = lambda group: _count(group.totals.failed)
    columns["input"] = lambda group: _count(group.totals.tokens["input"])
    columns["cache read"] = lambda group: _count(group.totals.tokens["cache_read"])
    columns["cache write"] = lambda group: _tokens(group.totals, CACHE_WRITES)
    columns["cached"] = lambda group: _share(group.totals)
    columns["output"] = lambda group: _tokens(group.totals, OUTPUTS)
    columns["cost"] = lambda group: money(group.totals.cost_usd)
    return columns


def _narrowed(cells: Sequence[Sequence[str]], width: int | None) -> Sequence[Sequence[str]]:
    """Return the cells without as many of the `DISPENSABLE` columns as ``width`` asks for."""
    for name in DISPENSABLE:
        if width is None or len(_aligned(cells)[0]) <= width:
            break
        if name in cells[0]:
            place = cells[0].index(name)
            cells = [[*line[:place], *line[place + 1 :]] for line in cells]
    return cells


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Return lines whose first column is aligned on its left, the others on their right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def _count(count: int) -> str:
    return number(count) if count else "-"


def _tokens(sums: Totals, kinds: Sequence[str]) -> str:
    return _count(sum(sums.tokens[kind] for kind in kinds))


def _share(sums: Totals) -> str:
    share = cached(sums.tokens)
    return "-" if share is None else f"{share:.0%}"


def _bar(share: float) -> str:
    """Return a bar of up to `BAR` columns, in eighths of a column."""
    eighths = round(share * BAR * 8)
    full, part = divmod(eighths, 8)
    return EIGHTHS[-1] * full + (EIGHTHS[part - 1] if part else "")


def _name(by: str, group: Group) -> str:
    if group.key is None:
        return NOBODY[by]
    if by == "hour":
        return group.key[:16].replace("T", " ")
    return _shown(f"{group.note} {group.key}" if group.note else group.key)


def _shown(text: str) -> str:
    """Return text that a terminal shows as it is, shortened: others may have written it."""
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "".join(char if char.isprintable() else "\ufffd" for char in short)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%m-%d %H:%M}" if seconds else ""


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def _sum(groups: Sequence[Group]) -> Totals:
    return sum((group.totals for group in groups), Totals())


def _styled(text: str, style: str, colors: bool) -> str:
    return f"{style}{text}{RESET}" if colors and text else text
