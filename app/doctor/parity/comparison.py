"""The differences between the ways, as a table. Pure."""

import json
from collections.abc import Mapping, Sequence

import msgspec

from .observed import HOP_BY_HOP, Observed

DIRECT, BASE_URL, FORWARD = WAYS = ("direct", "base URL", "forward")
ABSENT = "-"
WIDTH = 49  # columns of an item, or as many as the longest takes
VALUE = 30  # columns of a value


class Row(msgspec.Struct, frozen=True):
    """One item of one request, with its value on each way; None where it was not sent."""

    request: str
    item: str
    values: Mapping[str, str | None]

    def differs(self, way: str) -> bool:
        """Return True if a way differs from the direct one."""
        return self.values[way] != self.values[DIRECT]


class Comparison(msgspec.Struct, frozen=True):
    """All rows, and what the ``client`` calls itself."""

    client: str
    rows: Sequence[Row]

    @classmethod
    def of(cls, client: str, ways: Mapping[str, Sequence[Observed]]) -> "Comparison":
        """Compare the requests of each way."""
        requests = {way: {one.name: one.items for one in ways[way]} for way in WAYS}
        names = dict.fromkeys(name for way in WAYS for name in requests[way])
        return cls(client, [row for name in names for row in _rows(name, requests)])

    def differences(self, way: str) -> int:
        """Return in how many rows a way differs from the direct one."""
        return sum(row.differs(way) for row in self.rows)

    def as_json(self) -> str:
        """Return the whole comparison as one JSON object."""
        return json.dumps(
            {
                "client": self.client,
                "differences": {way: self.differences(way) for way in WAYS[1:]},
                "not_compared": sorted(HOP_BY_HOP),
                "rows": [
                    {"request": row.request, "item": row.item, **row.values} for row in self.rows
                ],
            },
            indent=2,
        )

    def table(self) -> str:
        """Return a table of all rows, with the differing ones marked, and the sums."""
        lines = [
            f"{self.client}, compared with a direct connection to a simulated API.",
            f"Not compared: {', '.join(sorted(HOP_BY_HOP))}; identifiers and times.",
        ]
        request = ""
        width = max([WIDTH, *(len(f"* {row.item}") for row in self.rows)])
        for row in self.rows:
            if row.request != request:
                request = row.request
                lines += ["", request, _line(width, "  item", *WAYS)]
            mark = "*" if any(map(row.differs, WAYS)) else " "
            lines.append(_line(width, f"{mark} {row.item}", *_cells(row)))
        sums = (f"{way}: {self.differences(way)}" for way in WAYS[1:])
        return "\n".join([*lines, "", f"Differences from direct: {', '.join(sums)}"])


def _rows(name: str, requests: Mapping[str, Mapping[str, Mapping[str, str]]]) -> list[Row]:
    found = {way: requests[way].get(name) for way in WAYS}
    sent = {way: None if items is None else "sent" for way, items in found.items()}
    items = dict.fromkeys(item for some in found.values() if some for item in some)
    return [
        Row(name, "request", sent),
        *(Row(name, item, {way: (found[way] or {}).get(item) for way in WAYS}) for item in items),
    ]


def _cells(row: Row) -> list[str]:
    direct = row.values[DIRECT]
    cells = [_short(direct)]
    for way in WAYS[1:]:
        value = row.values[way]
        cells.append("same" if value == direct else _short(value))
    return cells


def _short(value: str | None) -> str:
    if value is None:
        return ABSENT
    return value if len(value) <= VALUE else f"{value[: VALUE - 3]}..."


def _line(width: int, item: str, direct: str, base_url: str, forward: str) -> str:
    return f"{item:{width}}  {direct:{VALUE}}  {base_url:{VALUE}}  {forward}".rstrip()
