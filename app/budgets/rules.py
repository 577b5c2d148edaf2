"""Reads ``day:30,session:5,label.repo=acme:40``: budgets in US dollars at list price. Pure."""

import re
from collections.abc import Mapping

import msgspec

from ..ledger.labels import NAME, VALUE
from ..ledger.rows import NANO

MAX_BUDGETS = 20  # budgets; each has its own series
LARGEST = 10**9  # US dollars of a budget
THRESHOLDS = (50, 80, 100)  # percent of a budget that are announced

_AMOUNT = re.compile(r"\d{1,10}(?:\.\d{1,9})?|\.\d{1,9}", re.ASCII)
_ALLOWED = (
    "must be budgets in US dollars, comma-separated: day:AMOUNT, session:AMOUNT or "
    "label.NAME=VALUE:AMOUNT, such as day:30,session:5,label.repo=acme/widgets:40"
)


class Budget(msgspec.Struct, frozen=True):
    """``name`` is as the setting has it, ``limit`` in billionths of a US dollar.

    ``label`` is the name and value of a label. A session's budget is for each session; the others
    are for each local day.
    """

    name: str
    limit: int
    label: tuple[str, str] | None = None

    @property
    def per_session(self) -> bool:
        """Whether each session has this budget, however many days it lasts."""
        return self.name == "session"

    def applies(self, session: str | None, labels: Mapping[str, str]) -> bool:
        """Return True if the spend of a request counts."""
        if self.label is not None:
            return labels.get(self.label[0]) == self.label[1]
        return session is not None or not self.per_session


def parse(text: str) -> tuple[Budget, ...]:
    """Read the setting; raises ValueError with the words that are wrong and what is allowed."""
    budgets = [_budget(part.strip()) for part in text.split(",") if part.strip()]
    names = [budget.name for budget in budgets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"has {twice} twice; each budget may be given once")
    if len(budgets) > MAX_BUDGETS:
        raise ValueError(f"must be at most {MAX_BUDGETS} budgets")
    return tuple(budgets)


def _budget(text: str) -> Budget:
    name, _, amount = text.rpartition(":")
    limit = _limit(amount.strip())
    kind, _, value = name.strip().partition("=")
    kind, value = kind.strip().lower(), value.strip()
    if kind in ("day", "session") and "=" not in name:
        return Budget(kind, limit)
    label = kind.removeprefix("label.")
    if label == kind or not NAME.fullmatch(label) or not VALUE.fullmatch(value):
        raise ValueError(_ALLOWED)
    return Budget(f"label.{label}={value}", limit, (label, value))


def _limit(amount: str) -> int:
    whole, _, part = amount.partition(".")
    limit = int(whole or 0) * NANO + int(part.ljust(9, "0")) if _AMOUNT.fullmatch(amount) else 0
    if not limit:
        raise ValueError(_ALLOWED)
    if limit > LARGEST * NANO:
        raise ValueError(f"must be amounts of at most {LARGEST:,} US dollars")
    return limit
