"""Reads the price data of the package ``genai-prices`` (PyPI) into a price file of ours. Pure.

It comes as JSON (its repository's ``data.json``) or as the Python module of the package
(``data.py``), which is read as a syntax tree and never run. Of all providers only Anthropic's own
list is taken, and of each model the price in force on a day.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.anthropic.prices import Prices

PROVIDER = "anthropic"
SOURCE = "genai-prices"
# Our rate -> theirs, the first that is there.
_RATES: Mapping[str, tuple[str, ...]] = {
    "input": ("input_mtok",),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok",),
    "cache_read": ("cache_read_mtok",),
    "output": ("output_mtok",),
}
_FACTORS: Mapping[str, Mapping[str, str]] = {
    "fast": {"speed": "fast"},
    "batch": {"processing": "batch"},
}
_FIRST = "0001-01-01"
_DAY = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|30)", re.ASCII)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Converted:
    """``models`` as our table of that name, those ``skipped`` that lack a rate.

    ``latest`` is the latest day from which one of the prices holds: the data is not older.
    """

    models: Mapping[str, Mapping[str, Any]]
    skipped: tuple[str, ...]
    latest: date | None


def convert(text: str, known: Prices, *, on: date) -> Converted:
    """Return what a data file says of the prices on a day.

    Names are those of ``known`` where it has the model. Raises ValueError for other files.
    """
    models: dict[str, Any] = {}
    skipped: list[str] = []
    listed = _models(_document(text))
    for model in listed:
        name = known.listed(str(model.get("id", "")))
        entry = _entry(model, on)
        if entry is None:
            skipped.append(name)
        else:
            models[name] = entry
    starts = [start for start in map(str, _starts(listed)) if start <= on.isoformat()]
    latest = date.fromisoformat(max(starts)) if starts else None
    return Converted(models, tuple(skipped), latest)


def _starts(node: Any) -> Iterator[Any]:
    """Yield every ``start_date`` in a document."""
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from _starts(child)
    if isinstance(node, dict) and _DAY.fullmatch(str(node.get("start_date"))):
        yield node["start_date"]


def _document(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in ("[", "{") else _module(text)
    except (ValueError, SyntaxError, RecursionError) as exc:
        raise ValueError(f"neither the data.json nor the data.py of genai-prices: {exc}") from exc


def _models(document: Any) -> Sequence[Json]:
    providers = document.get("providers") if isinstance(document, dict) else document
    for provider in providers if isinstance(providers, list) else ():
        if isinstance(provider, dict) and provider.get("id") == PROVIDER:
            models = provider.get("models")
            return [one for one in models or () if isinstance(one, dict)]
    raise ValueError(f"it has no provider {PROVIDER!r}: is it the data file of genai-prices?")


def _entry(model: Json, on: date) -> dict[str, Any] | None:
    prices = _in_force(model.get("prices"), on)
    base = _rates(prices, above=None)
    if base is None:
        return None
    entry: dict[str, Any] = dict(base)
    for factor, when in _FACTORS.items():
        if (times := _factor(model.get("price_variants"), when, base)) is not None:
            entry[factor] = times
    above = max((start for start, _ in _tiers(prices.get("input_mtok"))), default=None)
    if above is not None and (long := _rates(prices, above=above)) is not None:
        entry["long_prompt"] = {"above": above, **long}
    return entry


def _in_force(prices: Any, on: date) -> Json:
    """Return the last of the prices that have begun by then."""
    if isinstance(prices, dict):
        return prices
    begun = [
        ((one.get("constraint") or {}).get("start_date") or _FIRST, at, one.get("prices") or {})
        for at, one in enumerate(prices or ())
        if isinstance(one, dict)
    ]
    begun = [one for one in begun if str(one[0]) <= on.isoformat()]
    return dict(max(begun, key=lambda one: (str(one[0]), one[1]))[2]) if begun else {}


def _rates(prices: Json, *, above: int | None) -> dict[str, float] | None:
    rates = {}
    for rate, names in _RATES.items():
        said = next((prices[name] for name in names if prices.get(name) is not None), None)
        number = _number(said, above)
        if number is None:
            return None
        rates[rate] = number
    return rates


def _number(said: Any, above: int | None) -> float | None:
    """Return a price for prompts of more than ``above`` tokens, None for the shortest."""
    for start, price in _tiers(said):
        if start == above:
            return price
    base: Any = said.get("base") if isinstance(said, dict) else said
    try:
        return float(base)
    except (TypeError, ValueError):
        return None


def _tiers(said: Any) -> Iterator[tuple[int, float]]:
    for tier in said.get("tiers") or () if isinstance(said, dict) else ():
        yield int(tier["start"]), float(tier["price"])


def _factor(variants: Any, when: Json, base: Mapping[str, float]) -> float | None:
    """Return by how much a variant is dearer, if it is so for all five rates alike."""
    for variant in variants or ():
        if isinstance(variant, dict) and variant.get("when") == when:
            rates = _rates(variant.get("prices") or {}, above=None)
            if rates is None:
                return None
            times = {round(rates[kind] / base[kind], 6) for kind in base if base[kind]}
            return times.pop() if len(times) == 1 else None
    return None


def _module(text: str) -> Any:
    """Return the value of ``providers`` in a module, calls as objects of their keywords."""
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == "providers" for one in targets):
            return _value(getattr(node, "value", None))
    raise ValueError("it assigns no providers")


def _value(node: ast.AST | None) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(one) for one in node.elts]
    if isinstance(node, ast.Dict):
        keys = [_value(key) for key in node.keys]
        return dict(zip(keys, map(_value, node.values), strict=True))
    if isinstance(node, ast.Call):
        return _call(node)
    return None


def _call(node: ast.Call) -> Any:
    """Return what a constructor makes: dates and decimals are written with bare arguments."""
    arguments = [_value(one) for one in node.args]
    if isinstance(node.func, ast.Attribute) and node.func.attr == "date":
        return date(*arguments).isoformat()
    if arguments:
        return arguments[0]
    return {word.arg: _value(word.value) for word in node.keywords}
