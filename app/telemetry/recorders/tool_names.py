"""Names of the tools at which a prompt left the cache: for the session's page, in memory only."""

from collections import OrderedDict

from ..entry import Entry

KEPT = 1_000  # the last ones, by request id; some 200 bytes each


class ToolNames:
    """Remembers the names of the last requests whose tools had changed. State: ``_names``."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, str] = OrderedDict()

    def record(self, entry: Entry) -> None:
        """Remember the name that an exchange has."""
        report, request = entry.exchange.cache, entry.ids.get("request_id")
        if report is None or report.tool is None or request is None:
            return
        self._names[request] = report.tool
        if len(self._names) > KEPT:
            self._names.popitem(last=False)

    def find(self, request: str | None) -> str | None:
        """Return the name for a request by its id; None once it is forgotten."""
        return None if request is None else self._names.get(request)
