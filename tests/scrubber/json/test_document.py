"""Where the values of a body lie: by msgspec's slices, which are checked, or by a visit."""

from typing import Any

import msgspec
import pytest

from app.scrubber.json import document
from app.scrubber.json.document import Unit, units

BODY = b'{"model": "m", "messages": [1, "two" , {"three": 3}], "system": "s"}'
UNITS = [
    (b'"s"', ("system",)),
    (b"1", ("messages", 0)),
    (b'"two"', ("messages", 1)),
    (b'{"three": 3}', ("messages", 2)),
]


def read(found: list[Unit]) -> list[tuple[bytes, tuple[str | int, ...]]]:
    return [(BODY[unit.start : unit.end], unit.path) for unit in found]


class Shorter:
    """A decoder whose slices are a byte shorter than what they are slices of."""

    def decode(self, _: Any) -> Any:
        return msgspec.defstruct("Elements", [("e0", Any), ("e1", Any)])(b"", b'"two"')


def test_values_are_read_off_slices_in_the_order_of_prompt_caching() -> None:
    assert read(document.quick_units(BODY) or []) == UNITS


def test_slices_that_lie_elsewhere_are_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_ELEMENTS", Shorter())
    assert document.quick_units(BODY) is None
    assert read(units(BODY)) == UNITS
