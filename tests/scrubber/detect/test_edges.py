"""The text before a token: escapes, encodings and control sequences are no part of it."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.automaton import compiled
from app.scrubber.detect.detector import Detector
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.detect.edges import after, joined, token_start
from app.scrubber.detect.examples import found
from app.scrubber.detect.extended import EXTENDED
from app.scrubber.detect.scan import Scanner
from tests.cases import every_case

ESC = "\x1b"
SEQUENCES = (
    f"{ESC}[m",
    f"{ESC}[0;1m",
    f"{ESC}[38;2;166;226;46m",
    f"{ESC}[38:2::166:226:46m",
    f"{ESC}[48;5;200m",
    f"{ESC}[?25l",
    f"{ESC}[2K",
    f"{ESC}[10;20H",
    f"{ESC}[3 q",
    f"{ESC}[!p",
    f"{ESC}[>4;2m",
    f"{ESC}[200~",
    f"{ESC}(B",
    f"{ESC}7",
    f"{ESC}]8;;https://host.example/x\x07",
    f"{ESC}]8;;https://host.example/x{ESC}\\",
    "\x9b31m",
)
WRITTEN = (
    *("\\x1b[1;31m", "\\e[1m", "\\033[38;5;1m", "\\u001b[0m", "[0;32m", "[01;31m[K"),
    *("\\x1b(B", "\\0337", "\\x9b1m", "\\U0001F511"),
)
HYPHENS = ("${KEY:-", "<!--", "[-", "git rm --", "src/main.py-12-", " -")
GATED = [one for one in (*BUILT_IN, *EXTENDED) if one.gate]
ENCODED = ("=3D", "a=3D", "=0A", "%3D", "%0A", "%253D", "\\n", "\\t", "\\u000a", "\\x0a", "&#39;")


@every_case(
    "text, first, start",
    [
        (b"a%3Dtoken", 2, 4),
        (b"a%3D%3Dtoken", 5, 7),
        (b"a=3Dtoken%0Amore", 2, 4),  # what ends inside the token is a part of it
        (rb"\ntoken\nmore", 1, 2),
        (b"token%0Amore", 0, 0),
        (b"[token", 1, 1),
    ],
)
def test_a_token_begins_behind_what_belongs_to_the_text_before_it(
    text: bytes, first: int, start: int
) -> None:
    assert token_start(text, first, len(text)) == start


@pytest.mark.parametrize("detector", [*BUILT_IN, *EXTENDED], ids=lambda one: one.name)
def test_a_secret_is_found_behind_them(detector: Detector) -> None:
    scanner = Scanner([detector])
    hyphens = HYPHENS if detector.tier == "secret" else ()  # an address may hold one
    for before in (*SEQUENCES, *WRITTEN, *ENCODED, *hyphens):
        example = detector.examples[0]
        text = f"{before}{example}{ESC}[0m"
        alone = found(scanner, f" {example} ")
        assert found(scanner, text) == alone, before
        assert found(scanner, f"first\n{text}") == alone, before
        if detector.name != "private_key":
            assert len(found(scanner, json.dumps(text))) == len(alone), before


@every_case("after", ["-->", "-]", " -", "--"])
@pytest.mark.parametrize("detector", BUILT_IN, ids=lambda one: one.name)
def test_a_hyphen_behind_a_secret_hides_nothing(detector: Detector, after: str) -> None:
    assert found(Scanner([detector]), f" {detector.examples[0]}{after}")


@every_case("sign", ["+", "-"])
@every_case(
    "gutter", ["     2→", "     2\t", "  2 | ", "main.py:2:", f"     2→{ESC}[32m", f"{ESC}[32m"]
)
@pytest.mark.parametrize("detector", BUILT_IN, ids=lambda one: one.name)
def test_a_diffs_sign_behind_a_line_number_hides_nothing(
    detector: Detector, gutter: str, sign: str
) -> None:
    scanner = Scanner([detector])
    example = detector.examples[0]
    assert found(scanner, f"first\n{gutter}{sign}{example}") == found(scanner, f" {example} ")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("josé@example.com", "josé@example.com"),
        ("o'brien@example.com", "o'brien@example.com"),
        ("d'angelo.x@example.com", "d'angelo.x@example.com"),
        ("mail: 'bob@example.com'", "bob@example.com"),
        ("f'bob@example.com'", "bob@example.com"),
        ("user@bücher.example", "user@bücher.example"),
        ("联系user@example.com。", "user@example.com"),
        ("→user@example.com", "user@example.com"),
        ("-user@example.com", "user@example.com"),
        ("alice%40example.com", "alice%40example.com"),
        ("\nnancy@example.com", "nancy@example.com"),
        ("ESC\x1b[32mmary@example.com", "mary@example.com"),
        ("a@b@example.com", "b@example.com"),
    ],
)
def test_an_address_is_read_backwards_to_its_first_letter(text: str, address: str) -> None:
    scanner = Scanner([one for one in BUILT_IN if one.name == "email"])
    assert found(scanner, text) == [address]


@pytest.mark.parametrize("text", ["x @pytest.fixture", "7→@a.bc", "f-5-@pytest.fixture", "@a.bc"])
def test_a_decorator_is_no_address(text: str) -> None:
    scanner = Scanner([one for one in BUILT_IN if one.name == "email"])
    assert found(scanner, text) == []


EDGES = [
    *(bytes([octet]) for octet in range(256)),
    *(edge.encode() for edge in (*WRITTEN, *ENCODED)),
]


@cache
def automaton(*gates: str) -> Any:
    return compiled(joined(gates))


def start(gates: Sequence[Any], text: bytes, at: int = 0) -> int:
    """Return where the first match of ``gates`` starts (-1: there is none)."""
    matches = (gate.search(text, at) for gate in gates)
    return min((match.start() for match in matches if match is not None), default=-1)


@pytest.mark.parametrize("one", GATED, ids=lambda one: one.name)
def test_gates_as_one_match_behind_the_edges_of_each(one: Detector) -> None:
    together = automaton(*(each.gate for each in GATED))
    alone = [compiled(each.gate) for each in GATED]
    example = min(one.examples, key=len).encode()
    for edge in EDGES:
        assert start([together], edge + example) == start(alone, edge + example), edge


PIECES = st.sampled_from(
    [
        *(piece.encode() for piece in (*SEQUENCES, *WRITTEN, *HYPHENS, *ENCODED)),
        *(max(one.examples, key=len).encode() for one in GATED),
        *(one.encode() for one in "\\[-+ .:/#_|1;am\x1b\x9b\xff"),
    ]
)


@given(pieces=st.lists(PIECES, max_size=8), number=st.sampled_from([1, 2, len(BUILT_IN), 99]))
def test_gates_as_one_match_where_one_of_them_does(pieces: list[bytes], number: int) -> None:
    """That is all that is read off the match."""
    chosen = [one.gate for one in GATED[-number:]]
    together, alone = automaton(*chosen), list(map(compiled, chosen))
    text = b"".join(pieces)
    for at in range(len(text)):
        assert start([together], text, at) == start(alone, text, at)


def test_a_gate_without_an_edge_joins_no_others() -> None:
    with pytest.raises(ValueError, match="without an edge: x"):
        joined([after("a-z") + "y", "x"])
    assert joined([]) == ""
