"""List prices: what an answer's tokens would cost in USD without any subscription or discount.

An estimate, not a bill. The packaged list (``prices.toml``) states its date; a file of the
user's is laid over it, field by field.
"""

import operator
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import msgspec

from ..tables import checked
from .names import DATED, family_first, plain
from .token_types import BILLED, SERVER_TOOLS
from .usage import Attempt, Usage

OTHER = "other"  # the name of every model that is not in the list
MILLION, THOUSAND = 1e6, 1e3
MONTH = len("2026-11")
OLD = 90  # days after which a list should be looked at again
SPELLINGS = 256  # of models whose names are remembered: clients and upstream choose them

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Rate = Annotated[float, msgspec.Meta(ge=0, le=100_000)]


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD per million tokens, by `token_types.BILLED`; none depends on another."""

    input: Rate
    cache_write_5m: Rate
    cache_write_1h: Rate
    cache_read: Rate
    output: Rate


class LongPrompt(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rates of a request whose whole prompt has more than ``above`` tokens."""

    above: Annotated[int, msgspec.Meta(ge=0)]


class Model(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model's rates, since when they hold, and the factors on them."""

    effective_from: date
    batch: Rate  # Message Batches
    fast: Rate  # speed: fast
    us: Rate  # inference_geo: us
    long_prompt: LongPrompt | None = None


class _Defaults(msgspec.Struct, forbid_unknown_fields=True):
    """What a `Model` has unless it says otherwise."""

    effective_from: date
    batch: Rate
    fast: Rate
    us: Rate


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """A price file, its models not yet read."""

    as_of: Name
    source: str
    unpriced: list[Name]
    aliases: dict[Name, Name]
    defaults: dict[str, Any]
    server_tools: dict[Name, Rate]
    models: dict[Name, dict[str, Any]]


class Prices(msgspec.Struct, frozen=True, eq=False):
    """A price list as of a month or a day.

    ``models`` go by canonical name, which ``aliases`` lead to; those in ``unpriced`` have a name
    only; ``server_tools`` are in USD per 1,000 requests.
    """

    as_of: str
    source: str
    models: Mapping[str, Model]
    unpriced: frozenset[str]
    aliases: Mapping[str, str]
    server_tools: Mapping[str, float]

    def age(self, today: date) -> int | None:
        """Return the age of the list in days, None if ``as_of`` is not a date.

        A month without a day counts from its first.
        """
        try:
            drawn = date.fromisoformat(
                f"{self.as_of}-01" if len(self.as_of) == MONTH else self.as_of
            )
        except ValueError:
            return None
        return max(0, (today - drawn).days)

    @classmethod
    def packaged(cls) -> "Prices":
        """Return the list that comes with the proxy."""
        return cls.load(None)

    @classmethod
    def load(cls, path: Path | None) -> "Prices":
        """Return the packaged list with the TOML file at ``path`` laid over it.

        A ValueError names the file, the model, the field and what is allowed.
        """
        document = tomllib.loads(_packaged.read_text("utf-8"))
        if path is None:
            return _prices(document)
        try:
            return _prices(_overlaid(document, tomllib.loads(path.read_text("utf-8"))))
        except OSError as exc:
            raise ValueError(f"{path}: {exc.strerror or exc}") from exc
        except ValueError as exc:
            raise ValueError(f"{path}: {exc}") from exc

    def canonical(self, model: str) -> str:
        """Return the name in the list, whatever cloud's spelling ``model`` has, else ``other``."""
        return _canonical(self, model)

    def exact(self, model: str) -> str:
        """Return the name in the list, with a release date or ``[1m]`` if ``model`` has one.

        Nothing else of ``model`` is in it, which a client may have chosen.
        """
        name = self.canonical(model)
        return model if DATED.sub("", model) == name else name

    def listed(self, model: str) -> str:
        """Return the name that the list has, or would have, for a model."""
        name = plain(model)
        return self.aliases.get(name, name)

    def price(self, attempt: Attempt, *, batch: bool = False) -> Mapping[str, float] | None:
        """Return USD for a billed attempt, as `cost` does.

        Each of its requests to the model has a tier by its own prompt.
        """
        whole = self.cost(attempt.usage, attempt.model or "", batch=batch)
        if whole is None or not attempt.samplings:
            return whole
        parts = [self.cost(one, attempt.model or "", batch=batch) for one in attempt.samplings]
        sums = {kind: sum(part[kind] for part in parts if part) for kind in whole}
        return sums | {SERVER_TOOLS: whole[SERVER_TOOLS]}

    def cost(self, usage: Usage, model: str, *, batch: bool = False) -> Mapping[str, float] | None:
        """Return USD by type of token, and for ``server_tools``; None without a price.

        ``model`` is the one that answered. Factors multiply; tools have none.
        """
        priced = self.models.get(self.canonical(model))
        if priced is None:
            return None
        rates, factor = _rates(priced, usage), _factor(priced, usage, batch=batch)
        cost = {
            kind: tokens * rate * factor / MILLION if tokens else 0.0
            for kind, tokens, rate in zip(BILLED, _billed(usage), _billed(rates), strict=True)
        }
        cost[SERVER_TOOLS] = self._tools(usage) if usage.server_tools else 0.0
        return cost

    def uncached(self, usage: Usage, model: str) -> float | None:
        """Return USD for the whole prompt as input, in the tier of `cost`; None without a price."""
        priced = self.models.get(self.canonical(model))
        if priced is None:
            return None
        rate = _rates(priced, usage).input * _factor(priced, usage, batch=False)
        return usage.prompt * rate / MILLION

    def _tools(self, usage: Usage) -> float:
        """Return USD for server tools; those that the list does not name cost their tokens."""
        counts = usage.server_tools.items()
        return sum(self.server_tools.get(tool, 0.0) * count for tool, count in counts) / THOUSAND


_billed = operator.attrgetter(*BILLED)
_packaged = Path(__file__).with_name("prices.toml")


@lru_cache(SPELLINGS)
def _canonical(prices: Prices, model: str) -> str:
    known = (name for name in _spellings(prices, model) if _knows(prices, name))
    return next(known, OTHER)


def _spellings(prices: Prices, model: str) -> Iterator[str]:
    yield model
    yield prices.listed(model)
    yield family_first(prices.listed(model))


def _knows(prices: Prices, name: str) -> bool:
    return name in prices.models or name in prices.unpriced


def _rates(model: Model, usage: Usage) -> Rates:
    tier = model.long_prompt
    return tier if tier is not None and usage.prompt > tier.above else model


def _factor(model: Model, usage: Usage, *, batch: bool) -> float:
    factor = model.batch if batch or usage.service_tier == "batch" else 1.0
    factor *= model.fast if usage.speed == "fast" else 1.0
    return factor * (model.us if usage.inference_geo == "us" else 1.0)


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``below`` with the fields of ``above`` replacing its own, table by table."""
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        if isinstance(lower, dict) and isinstance(value, dict):
            merged[key] = _overlaid(lower, value)
        else:
            merged[key] = value
    return merged


def _prices(document: Mapping[str, Any]) -> Prices:
    file = checked(document, _File, "the file")
    defaults = msgspec.structs.asdict(checked(file.defaults, _Defaults, "defaults"))
    for name in file.models:
        if DATED.search(name):
            raise ValueError(f"model {name}: write the name without its date and [1m]")
    return Prices(
        as_of=file.as_of,
        source=file.source,
        models={
            name: checked(defaults | said, Model, f"model {name}")
            for name, said in file.models.items()
        },
        unpriced=frozenset(file.unpriced) - file.models.keys(),
        aliases=file.aliases,
        server_tools=file.server_tools,
    )
