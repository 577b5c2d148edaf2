"""Groups of exchanges as a table for people, as wide as their terminal. Pure."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ..anthropic.token_types import CACHE_WRITES, OUTPUTS
from .figures import cached, money, number
from .queries import Group, Totals, pairs

Columns = dict[str, list[str]]  # by heading; the first one is the key

BAR = 12  # columns of the longest bar
EIGHTHS = "▏▎▍▌▋▊▉█"
MANY = ("session", "agent", "label")  # groups without a natural bound, whose time is of interest
NOBODY = {
    "session": "(no session)",
    "agent": "(main conversation)",
    "label": "(no label)",
    "model": "(no model)",
}
PROJECT = "repo"  # the label that says most about a session
LABELS = "labels"
LONGEST = 64  # columns of a key
ID = 36  # those of a UUID
SHORTEST = 8
# What makes a table narrower, in this order: a column, and how wide it still may be.
NARROWER = (
    ("", ID),  # the key
    *((name, 0) for name in ("cache write", "input", "cached", "cache read", "output")),
    (LABELS, 10),
    *((name, 0) for name in ("failed", LABELS, "last seen", "requests")),
)
BETWEEN = "  "  # columns
BOLD, DIM, RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def table(
    by: str,
    groups: Sequence[Group],
    *,
    heading: str | None = None,
    rows: int | None = None,
    colors: bool = False,
    bars: bool = False,
    width: int | None = None,
) -> str:
    """Return an aligned table with a line of totals; ``bars`` show each group's share of cost.

    Of groups that have no natural bound it has the first ``rows`` (None: all). It has fewer
    columns, and no bars, where it would be wider than ``width``.
    """
    shown = groups[: rows if by in MANY else None]
    rest = groups[len(shown) :]
    everything = Group(None, _sum(groups), 0, 0)
    lines = [(_name(by, group), group) for group in shown]
    if rest:
        lines.append((f"({len(rest):,} more)", Group(None, _sum(rest), 0, 0)))
    lines.append(("total", everything))
    columns = {heading or by: [name for name, _ in lines]} | {
        name: [cell(group) for _, group in lines]
        for name, cell in _columns(by, shown, everything.totals).items()
    }
    aligned = _aligned(_narrowed(columns, width))
    dearest = max((group.totals.cost for group in shown), default=0)
    fits = width is None or cells(aligned[0]) + len(BETWEEN) + BAR <= width
    if bars and fits and dearest and len(shown) > 1:
        for place, group in enumerate(shown, 1):
            aligned[place] += BETWEEN + _styled(_bar(group.totals.cost / dearest), DIM, colors)
    aligned[0], aligned[-1] = _styled(aligned[0], DIM, colors), _styled(aligned[-1], BOLD, colors)
    return "\n".join(line.rstrip() for line in aligned)


def plain(text: str) -> str:
    """Return text without what a terminal does not show as it is: others may have written it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def cells(text: str) -> int:
    """Return how many columns of a terminal printable text takes (unicode.org/reports/tr11)."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):  # drawn over the character before
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _short(text: str, most: int) -> str:
    """Return the beginning of text that is longer than ``most`` columns."""
    if cells(text) <= most:
        return text
    while cells(text) >= most:
        text = text[:-1]
    return f"{text}…"


def _columns(
    by: str, shown: Sequence[Group], everything: Totals
) -> Mapping[str, Callable[[Group], str]]:
    """Return the columns behind the key, by heading; some only if they have anything."""
    columns: dict[str, Callable[[Group], str]] = {}
    if by == "session" and any(group.note for group in shown):
        columns[LABELS] = lambda group: _labels(group.note)
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


def _narrowed(columns: Columns, width: int | None) -> Columns:
    """Return the columns, as many of `NARROWER` done to them as ``width`` asks for."""
    key, *_ = columns
    if width is None:
        return columns
    for name, most in NARROWER:
        if _width(columns) <= width:
            return columns
        if most:
            columns = _limited(columns, name or key, most)
        else:
            columns = {one: lines for one, lines in columns.items() if one != name}
    others = _width(columns) - max(map(cells, columns[key]))
    return _limited(columns, key, max(SHORTEST, width - others))


def _limited(columns: Columns, name: str, most: int) -> Columns:
    if name not in columns:
        return columns
    return columns | {name: [_short(cell, most) for cell in columns[name]]}


def _width(columns: Columns) -> int:
    return cells(_aligned(columns)[0])


def _aligned(columns: Columns) -> list[str]:
    """Return lines, numbers aligned on their right."""
    key, *_ = columns
    padded = [
        _padded([name, *lines], left=name in (key, LABELS)) for name, lines in columns.items()
    ]
    return [BETWEEN.join(line) for line in zip(*padded, strict=True)]


def _padded(lines: Sequence[str], *, left: bool) -> list[str]:
    width = max(map(cells, lines))
    spaces = [" " * (width - cells(line)) for line in lines]
    return [
        line + space if left else space + line for line, space in zip(lines, spaces, strict=True)
    ]


def _count(count: int) -> str:
    return number(count) if count else "-"


def _tokens(sums: Totals, kinds: Sequence[str]) -> str:
    return _count(sum(sums.tokens[kind] for kind in kinds))


def _share(sums: Totals) -> str:
    share = cached(sums.tokens)
    return "-" if share is None else f"{share:.0%}"


def _labels(text: str | None) -> str:
    """Return the values of labels, that of the project first."""
    labels = sorted(pairs(text).items(), key=lambda label: (label[0] != PROJECT, label))
    return _short(plain(" ".join(value for _, value in labels)), LONGEST // 2)


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
    said = f"{group.note} {group.key}" if by == "agent" and group.note else group.key
    return _short(plain(said[: 2 * LONGEST]), LONGEST)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%m-%d %H:%M}" if seconds else ""


def _sum(groups: Sequence[Group]) -> Totals:
    return sum((group.totals for group in groups), Totals())


def _styled(text: str, style: str, colors: bool) -> str:
    return f"{style}{text}{RESET}" if colors and text else text
