"""``prices``: the price table in force, how old it is, and how to make a newer one."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from .. import settings
from ..anthropic.genai_prices import SOURCE, convert
from ..anthropic.prices import OLD, Prices
from ..anthropic.token_types import BILLED
from ..factories.telemetry import prices_of
from ..failures import SettingsError
from . import exits
from .unreadable import unreadable

HEADINGS = {kind: kind.removeprefix("cache_").replace("_", " ") for kind in BILLED}
WIDTH = 10  # columns of a rate


def run(options: argparse.Namespace) -> int:
    """Print the table, or the converted file."""
    if options.data is None:
        if options.as_of is not None:
            raise SettingsError("--as-of requires --from")
        return _print_table()
    return _print_converted(options.data, options.as_of)


def _print_table() -> int:
    prices = prices_of(settings.load())
    age = prices.age(_today())
    old = "of unknown age" if age is None else f"{age} days old"
    print(f"List prices in US dollars per million tokens, as of {prices.as_of} ({old})")
    print(f"Source: {prices.source}\n")
    name_width = max(map(len, prices.models))
    print("model".ljust(name_width), *(heading.rjust(WIDTH) for heading in HEADINGS.values()))
    for name, model in prices.models.items():
        print(name.ljust(name_width), *_row(model))
        if model.long_prompt is not None:
            print(
                f"  above {model.long_prompt.above:,}".ljust(name_width), *_row(model.long_prompt)
            )
    tools = ", ".join(f"{tool} {dollars:g}" for tool, dollars in prices.server_tools.items())
    print(f"\nServer tools, per 1,000 requests: {tools}")
    print("Batch, fast mode and inference_geo=us multiply these. Code execution is not priced.")
    if age is None or age > OLD:
        print(
            f"\nThis list may be out of date (over {OLD} days old): upgrade the proxy, or name a "
            f"newer one in {settings.variable('prices_file')}.",
            file=sys.stderr,
        )
    return 0


def _row(rates: Any) -> Iterator[str]:
    return (f"{getattr(rates, rate):{WIDTH}g}" for rate in BILLED)


def _print_converted(file: Path, as_of: date | None) -> int:
    try:
        text, changed = file.read_text("utf-8"), file.stat().st_mtime
        converted = convert(text, Prices.packaged(), on=_today())
    except (OSError, ValueError) as exc:
        print(unreadable(file, exc), file=sys.stderr)
        return exits.UNREADABLE
    written = datetime.fromtimestamp(changed, UTC).date()
    drawn = as_of or max(written, converted.latest or written)
    print(f'as_of = "{drawn.isoformat()}"\nsource = "{SOURCE}"')
    for name, model in converted.models.items():
        _print_model(name, model, drawn)
    for name in converted.skipped:
        print(f"{name}: skipped, because not all five rates can be read", file=sys.stderr)
    return 0


def _print_model(name: str, model: Mapping[str, Any], drawn: date) -> None:
    print(f'\n[models."{name}"]\neffective_from = {drawn.isoformat()}')
    tier = model.get("long_prompt", {})
    for table, heading in ((model, None), (tier, f'\n[models."{name}".long_prompt]')):
        if table and heading:
            print(heading)
        for field, value in table.items():
            if not isinstance(value, dict):
                print(f"{field} = {value:.15g}")


def _today() -> date:
    return datetime.now(UTC).date()
