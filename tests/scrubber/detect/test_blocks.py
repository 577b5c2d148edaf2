"""Lines of a block: worked off one by one, since a step that is long holds up all others."""

from typing import Any

import pytest

from app.scrubber.detect import blocks

LINES = 500


@pytest.mark.parametrize(("gutter", "looks"), [(b"", 1), (b"12:", LINES)])
def test_a_gutter_is_looked_for_line_by_line_until_one_has_none(
    gutter: bytes, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    class Watched:
        def match(self, text: bytes, at: int) -> Any:
            looked.append(at)
            return numbered.match(text, at)

        def sub(self, shown: bytes, text: bytes) -> bytes:
            return numbered.sub(shown, text)

    numbered = blocks._NUMBERED
    monkeypatch.setattr(blocks, "_NUMBERED", Watched())
    block = (rb"\n" + gutter + b"0a" * 32) * LINES
    assert blocks.without_gutter(block) == (rb"\n" + b"0a" * 32) * LINES
    assert len(looked) == looks
