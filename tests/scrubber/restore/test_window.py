"""What the client has of a string: the same, however it came."""

import json
import re

from hypothesis import example, given
from hypothesis import strategies as st

from app.scrubber.detect.recognize import CONTEXT
from app.scrubber.json.spans import Span
from app.scrubber.restore.window import Window

PIECES = st.lists(st.text('ab"\\ ', max_size=5), max_size=6)
ESCAPE = re.compile(r"\\.")
STRING = re.compile(r'"([^"]*)(?:"|$)')


def windowed(pieces: list[str], *, inside: bool) -> Window:
    window = Window(inside=inside)
    for piece in pieces:
        window.advance(piece.encode())
    return window


@example(['"a\\', '"b'], False, 'c"d')
@example(["a\\", "", '"b'], True, 'c"d')
@given(PIECES, st.booleans(), st.text('ab"\\ ', max_size=8))
def test_the_strings_are_those_of_the_whole_text(
    pieces: list[str], inside: bool, more: str
) -> None:
    window = windowed(pieces, inside=inside)
    whole = '"' * inside + "".join(pieces) + more
    known = len(whole) - len(more) - len(window.text)
    strings = [Span(*match.span(1)) for match in STRING.finditer(ESCAPE.sub("..", whole))]
    assert whole.startswith(window.text.decode(), known)
    assert window.strings(more.encode()) == [
        Span(start - known, end - known) for start, end in strings if start > known
    ]


def test_a_long_string_is_remembered_by_its_end() -> None:
    for words in ("ab" * CONTEXT, json.dumps("\n" * CONTEXT)[1:-1]):
        window = windowed([words[:7], words[7:]], inside=True)
        assert window.text == words.encode()[-CONTEXT:]
        assert window.strings(b'c"') == [Span(0, CONTEXT + 1)]
