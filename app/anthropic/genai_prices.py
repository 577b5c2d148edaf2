"""Reads the price data of the package ``genai-prices`` (PyPI) into a price file of the proxy. Pure.

It comes as JSON (its repository's ``data.json``) or as the Python module of the package
(``data.py``), which is read as a syntax tree and never run. Of all providers only Anthropic's own
list is taken, and of each model the price in force on a day. A model that has another form than
the one here is left out.
"""

import ast
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

import msgspec

from .prices import Prices, Rate

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

# What may stand in a price file between quotation marks as it is.
_Id = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._:@/\[\]-]{1,80}\Z")]
_Tokens = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class _Tier(msgspec.Struct):
    start: _Tokens
    price: Rate


class _Tiered(msgspec.Struct):
    base: Rate
    tiers: list[_Tier] = []


_Price = Rate | _Tiered | None


class _Rates(msgspec.Struct):
    input_mtok: _Price = None
    cache_write_mtok: _Price = None
    cache_write_5m_mtok: _Price = None
    cache_write_1h_mtok: _Price = None
    cache_read_mtok: _Price = None
    output_mtok: _Price = None


class _Constraint(msgspec.Struct):
    start_date: date | None = None


class _Since(msgspec.Struct):
    prices: _Rates
    constraint: _Constraint | None = None

    @property
    def start(self) -> date:
        """From when on these prices hold."""
        return (self.constraint and self.constraint.start_date) or date.min


class _Variant(msgspec.Struct):
    when: Any
    prices: Any
    constraint: _Constraint | None = None


class _Model(msgspec.Struct):
    id: _Id
    prices: Any
    price_variants: list[_Variant] | None = None

    @property
    def history(self) -> list[_Since]:
        """Its prices over time."""
        if isinstance(self.prices, dict):
            return [_Since(_read(self.prices, _Rates))]
        history: list[_Since] = _read(self.prices, list[_Since])
        return history

    def starts(self, on: date) -> list[date]:
        """Return the days until ``on`` from which its prices hold."""
        given = [one.constraint for one in (*self.history, *(self.price_variants or ()))]
        days = [one.start_date for one in given if one is not None]
        return [day for day in days if day is not None and day <= on]


class Converted(msgspec.Struct, frozen=True):
    """``models`` as our table of that name, those ``skipped`` that lack a rate.

    ``latest`` is the latest day from which one of the prices holds: the data is not older.
    """

    models: Mapping[str, Mapping[str, Any]]
    skipped: tuple[str, ...]
    latest: date | None


def convert(text: str, known: Prices, *, on: date) -> Converted:
    """Return the prices of a data file on a day.

    Names are those of ``known`` where it has the model. Raises ValueError for other files.
    """
    models: dict[str, Any] = {}
    skipped: list[str] = []
    starts: list[date] = []
    for listed in _models(_document(text)):
        try:
            model = _read(listed, _Model)
            entry = _entry(model, [one for one in model.history if one.start <= on])
        except msgspec.ValidationError:
            entry = None
        if entry is None:
            skipped.append(_name(listed, known))
        else:
            models[known.listed(model.id)] = entry
            starts += model.starts(on)
    return Converted(models, tuple(skipped), max(starts, default=None))


def _read(said: Any, kind: Any) -> Any:
    """Read numbers that are written as text, too: the module has decimals."""
    return msgspec.convert(said, kind, strict=False)


def _name(listed: Mapping[str, Any], known: Prices) -> str:
    """Return the name of a model that is left out, for people."""
    try:
        return known.listed(_read(listed.get("id"), _Id))
    except msgspec.ValidationError:
        return "a model has no valid name"


def _document(text: str) -> Any:
    try:
        return json.loads(text) if text.lstrip()[:1] in ("[", "{") else _module(text)
    except (ValueError, TypeError, SyntaxError, RecursionError) as exc:
        raise ValueError(f"neither the data.json nor the data.py of genai-prices: {exc}") from exc


def _models(document: Any) -> Sequence[Mapping[str, Any]]:
    providers = document.get("providers") if isinstance(document, dict) else document
    for provider in providers if isinstance(providers, list) else ():
        if isinstance(provider, dict) and provider.get("id") == PROVIDER:
            models = provider.get("models")
            listed = models if isinstance(models, list) else ()
            return [one for one in listed if isinstance(one, dict)]
    raise ValueError(f"it has no provider {PROVIDER!r}: is it the data file of genai-prices?")


def _entry(model: _Model, begun: Sequence[_Since]) -> dict[str, Any] | None:
    """Return a model's entry by the last of the prices that have ``begun``."""
    if not begun:
        return None
    prices = max(enumerate(begun), key=lambda one: (one[1].start, one[0]))[1].prices
    base = _rates(prices, above=None)
    if base is None:
        return None
    entry: dict[str, Any] = dict(base)
    for factor, when in _FACTORS.items():
        if (times := _factor(model.price_variants or (), when, base)) is not None:
            entry[factor] = times
    above = max((tier.start for tier in _tiers(prices.input_mtok)), default=None)
    if above is not None and (long := _rates(prices, above=above)) is not None:
        entry["long_prompt"] = {"above": above, **long}
    return entry


def _rates(prices: _Rates, *, above: int | None) -> dict[str, float] | None:
    """Return the five rates for prompts of more than ``above`` tokens, None for the shortest."""
    rates = {}
    for rate, names in _RATES.items():
        said = [price for name in names if (price := getattr(prices, name)) is not None]
        if not said:
            return None
        rates[rate] = _number(said[0], above)
    return rates


def _number(said: float | _Tiered, above: int | None) -> float:
    tiers = {tier.start: tier.price for tier in _tiers(said)}
    base = said.base if isinstance(said, _Tiered) else said
    return base if above is None else tiers.get(above, base)


def _tiers(said: float | _Tiered | None) -> list[_Tier]:
    return said.tiers if isinstance(said, _Tiered) else []


def _factor(
    variants: Sequence[_Variant], when: Mapping[str, str], base: Mapping[str, float]
) -> float | None:
    """Return the price factor of a variant, if it is the same for all five rates."""
    for variant in variants:
        if variant.when == when:
            rates = _rates(_read(variant.prices, _Rates), above=None)
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
