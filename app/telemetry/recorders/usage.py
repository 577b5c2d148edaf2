"""The usage windows: who uses them, as far as it can be said."""

from ...usage.accounts import Accounts, Request
from ..entry import Entry
from ..instruments import LabelSet
from .attribution import UNKNOWN


class WindowUsage:
    """Tells the ``accounts`` of every answer and its cost."""

    def __init__(self, accounts: Accounts, request_class: LabelSet) -> None:
        self._accounts = accounts
        self._kind = request_class

    def record(self, entry: Entry) -> None:
        """Take an exchange."""
        exchange = entry.exchange
        windows = entry.limits.windows
        if not windows and not entry.charges:
            return
        answered = exchange.duration if exchange.first_byte is None else exchange.first_byte
        self._accounts.record(
            Request(
                account=exchange.account,
                ended_at=exchange.started_at + exchange.duration,
                stated_at=exchange.started_at + answered,
                session=entry.ids.get("session_id"),
                kind=self._kind(exchange.hints.request_class or UNKNOWN),
                model=entry.model,
                cost=(entry.total_cost or 0.0) if entry.charges else None,
                windows=windows,
            )
        )
