"""``report``: who spent what, from the ledger; the proxy need not run."""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

from .. import settings
from ..failures import SettingsError
from ..ledger import queries, report, table
from ..ledger.file import UnusableLedger, ledger_file
from ..ledger.places import Place, place_of, reading
from ..ledger.queries import Group
from ..ledger.reader import NoLedger, Reader
from ..settings import as_settings_error, revealed, variable
from . import exits

TABLES = {
    "day": queries.by_day,
    "hour": queries.by_hour,
    "session": queries.by_session,
    "agent": queries.by_agent,
    "model": queries.by_model,
}


ORDERS = {
    "last": "seen last",
    "requests": "with most requests",
    "tokens": "with most tokens",
    "cost": "most expensive",
}


class UnclearLabel(Exception):
    """It is not clear which label is meant; the message names those that there are."""


def run(options: argparse.Namespace) -> int:
    """Print the report."""
    if options.by is None:
        options.by = "label" if options.label else "day"
    if options.label and options.by != "label":
        raise SettingsError(f"--label goes with --by label, not with --by {options.by}")
    place = _place()
    try:
        with reading(place) as reader:
            heading, groups = _groups(reader, options.by, options.since or 0.0, options.label)
    except NoLedger:
        print(_without_ledger(place), file=sys.stderr)
        return exits.UNREADABLE
    except (UnusableLedger, UnclearLabel) as exc:
        print(exc, file=sys.stderr)
        return exits.UNREADABLE
    if options.sort:
        groups = queries.ordered(groups, options.sort)
    _print(options, heading, groups, sys.stdout)
    return 0


def _without_ledger(place: Place) -> str:
    """Return why there may be none, and what to do."""
    name = variable("state_dir" if isinstance(place, Path) else "ledger_url")
    said = (
        f"There is no ledger at {place}. The first request through the proxy creates it. "
        f"If the proxy has another {name}, set it here too. With "
        f"{variable('ledger')}=false no ledger is kept."
    )
    if isinstance(place, Path) and ledger_file(place.parent, simulated=True).exists():
        said += " What the demo made up is in no report; its dashboard's History shows it."
    return said


def _place() -> Place:
    loaded = settings.load()
    with as_settings_error("ledger_url"):
        return place_of(loaded.state_dir, revealed(loaded.ledger_url))


def _groups(reader: Reader, by: str, start: float, label: str | None) -> tuple[str, list[Group]]:
    """Return what a line stands for, and the lines."""
    if by in TABLES:
        return by, TABLES[by](reader, start)
    names = queries.label_names(reader)
    if label is None and len(names) > 1:
        raise UnclearLabel(f"Name one of the labels with --label: {', '.join(names)}")
    if label is not None and names and label not in names:
        raise UnclearLabel(f"No request has a label {label}. There are: {', '.join(names)}")
    label = label or next(iter(names), by)
    return label, queries.by_label(reader, start, label)


def _print(options: argparse.Namespace, heading: str, groups: list[Group], out: TextIO) -> None:
    if options.json:
        print(json.dumps(report.document(options.by, groups), indent=2), file=out)
    elif options.csv:
        out.write(report.comma_separated(options.by, groups))
    elif not groups:
        print(f"No requests{_since(options.since)}.", file=out)
    else:
        styled = _styled(out)
        width = shutil.get_terminal_size().columns if out.isatty() else None
        shown = table.table(
            options.by,
            groups,
            heading=heading,
            rows=options.rows,
            colors=styled,
            bars=styled,
            width=width,
        )
        print(shown, *_notes(options, groups), sep="\n", file=out)


def _notes(options: argparse.Namespace, groups: list[Group]) -> Iterator[str]:
    """Yield what to know about the table."""
    yield ""
    if options.by in table.MANY and len(groups) > options.rows:
        order = ORDERS[options.sort or queries.DEFAULT_SORTS[options.by]]
        yield (
            f"The {options.rows:,} {order} of {len(groups):,}: --rows shows more, --sort others,"
            " --json and --csv all."
        )
    unpriced = sum(group.totals.unpriced for group in groups)
    note = f" Not included: {unpriced:,} without a known price." if unpriced else ""
    yield f"Cost in US dollars at list price.{note}"


def _since(start: float | None) -> str:
    if start is None:
        return ""
    return f" since {datetime.fromtimestamp(start).astimezone():%Y-%m-%d %H:%M}"


def _styled(out: TextIO) -> bool:
    """Return True on a terminal that shows colours, unless they are not wanted (no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    utf8 = (out.encoding or "").lower().replace("-", "") == "utf8"
    return out.isatty() and not plain and utf8
