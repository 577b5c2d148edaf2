"""No match cuts an escape or a character, and what is sent parses as what was received did."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.scrubber.detect import rules
from app.scrubber.json.escapes import (
    encoded,
    escape_around,
    escaped,
    is_cut,
    spellings,
    value,
    view,
    widened,
)
from app.scrubber.redact import belt
from app.scrubber.redact.scrubber import Scrubber
from tests.scrubber import scrubbing
from tests.scrubber.conversations import SPELLINGS
from tests.scrubber.scrubbing import BUILT_IN
from tests.thorough import scaled

KEY = "sk-ant-" + "api03-fakefakefakefake0001"
# Rules whose matches begin and end anywhere at all.
GREEDY = r"""
[[rule]]
name = "word"
pattern = '[a-z0-9]{32}'
examples = ["0123456789abcdef0123456789abcdef"]

[[rule]]
name = "tail"
pattern = 'key=(.{6})'
examples = ["key=abcdef"]

[[rule]]
name = "letter"
pattern = '[nu][a-f0-9]{3,}'
examples = ["nabc"]

[[rule]]
name = "octets"
pattern = 'x[^ ]{2}'
examples = ["x--"]
"""


@pytest.fixture(scope="module")
def greedy(tmp_path_factory: pytest.TempPathFactory) -> rules.Rules:
    file = tmp_path_factory.mktemp("rules") / "rules.toml"
    Path(file).write_text(GREEDY, encoding="utf-8")
    return rules.load(file=file)


def scrubber(used: rules.Rules) -> Scrubber:
    return scrubbing.scrubber(rules=used)


def redacted(text: str, used: rules.Rules | None = None) -> str:
    return str(scrubbing.redacted({"system": text}, scrubber(used or BUILT_IN))["system"])


DECORATED = "1\timport pytest\n2\t@pytest.fixture\n3\tdef db():\n4\t    return 1\n"


@pytest.mark.parametrize(
    "code",
    [
        DECORATED,
        "\n@pytest.fixture\n",
        "\r\n@app.route('/')",
        "\f@dataclasses.dataclass",
        "\b@a.bcd",
        json.dumps(DECORATED),  # JSON inside of JSON
        json.dumps(json.dumps(DECORATED)),
        "\u00e9\u000b@pytest.fixture",
        "\x1b@pytest.fixture",
        "\x85@pytest.fixture",
        "1\u2192@pytest.fixture\n     2\u2192@pytest.mark",
        "+@pytest.fixture\n-@pytest.mark.parametrize",
        "\nats://user:secret@host/x",
        "\redis://user:secret@host/x",
        "\trino://user:secret@host/x",
    ],
)
def test_code_after_a_line_feed_is_no_secret(code: str) -> None:
    for spell in SPELLINGS:
        body = spell({"messages": [{"role": "user", "content": code}]})
        redaction = scrubber(BUILT_IN).redact(body, None, "POST")
        assert redaction.body is body


def test_a_users_rule_takes_the_characters_behind_an_escape_and_no_fewer(
    greedy: rules.Rules,
) -> None:
    token = "0123456789abcdef" * 2
    assert redacted(f"a\n{token}", greedy) == "a\n<WORD_1>"
    assert redacted(json.dumps(f"a\n{token}"), greedy) == '"a\\n<WORD_1>"'


@pytest.mark.parametrize("end", ["\n", '"', "\\", "\u00e9", "\u20ac", "\U0001f600", "\x00"])
def test_a_match_that_ends_inside_an_escape_takes_all_of_it(end: str, greedy: rules.Rules) -> None:
    for size in range(7):
        for spell in SPELLINGS:
            text = f"key={'-' * size}{end} and then"
            body = spell({"system": text})
            redaction = scrubber(greedy).redact(body, None, "POST")
            assert redaction.report.skipped is None
            made = json.loads(redaction.body)["system"]
            assert made.startswith("key=<TAIL_1>")
            assert text.endswith(made.removeprefix("key=<TAIL_1>"))


PIECES = st.one_of(
    st.text(max_size=4),
    st.sampled_from(
        ["\\", "\\n", '\\"', "n", "u00e9", "\n", "abc", "key=", "nabcd", "@pytest.fixture", KEY]
    ),
)


@settings(max_examples=scaled(150, 50))
@given(pieces=st.lists(PIECES, max_size=12), spell=st.sampled_from(SPELLINGS), nested=st.booleans())
def test_whatever_the_rules_match_the_output_parses(
    pieces: list[str], spell: Any, greedy: rules.Rules, *, nested: bool
) -> None:
    text = "".join(pieces)
    body = spell({"system": json.dumps(text) if nested else text})
    redaction = scrubber(greedy).redact(body, None, "POST")
    assert redaction.report.skipped is None
    json.loads(redaction.body.decode("utf-8", "surrogatepass"))
    if redaction.report.matches:
        assert redaction.body != body


@given(st.text(max_size=6), st.sampled_from(SPELLINGS))
def test_an_offset_cuts_an_escape_if_and_only_if_its_halves_do_not_parse(
    text: str, spell: Any
) -> None:
    token = spell(text)
    for offset in range(1, len(token)):
        halves = token[:offset] + b'"', b'"' + token[offset:]
        parse = True
        for half in halves:
            try:
                json.loads(half.decode("utf-8", "surrogatepass"))
            except ValueError:
                parse = False
        assert is_cut(token, offset) is not parse
        if is_cut(token, offset):
            assert escape_around(token, offset) is not None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"a\\n@x.y"', b'"a\\<EMAIL>"'),
        (b'"a\\"b"', b'"a<X>"b"'),
        (b'["a"]', b'["a]'),
        (b'"\\ud800 \\n"', b'"\\ud800 \\<X>"'),
        (b'"\xff \\n"', b'"\xff <X>n""'),
        (b'"\xff \\u00e9"', b'"\xff \\u00<X>"'),
    ],
)
def test_a_rewritten_string_that_does_not_parse_is_noticed(before: bytes, after: bytes) -> None:
    belt.check(before, before)
    with pytest.raises(belt.Broken):
        belt.check(before, after)


@pytest.mark.parametrize("odd", [b'"\\ud800"', b'"\xff"', b'"\\q"', b'"\x01"'])
def test_a_fault_that_the_client_wrote_itself_is_none_of_the_scrubbers(odd: bytes) -> None:
    body = b'{"a":%s,"system":"%s"}' % (odd, KEY.encode())
    redaction = scrubber(BUILT_IN).redact(body, None, "POST")
    assert redaction.body == body.replace(KEY.encode(), b"<ANTHROPIC_KEY_1>")


def test_a_body_that_would_not_parse_is_not_sent_and_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut(_: bytes, start: int, end: int) -> tuple[int, int]:
        return start - 1, end

    monkeypatch.setattr("app.scrubber.detect.hits.widened", cut)
    body = json.dumps({"system": f"a\n{KEY}"}).encode()
    redaction = scrubber(BUILT_IN).redact(body, None, "POST")
    assert redaction.body is body
    assert (redaction.report.skipped, redaction.report.error) == ("error", "Broken")


@given(st.text(max_size=6))
@example("\\\\\\")
@example("\\\n")
@example("a\\\\n\n\\\u20ac")
def test_every_offset_inside_an_escape_or_a_character_is_cut_and_no_other(text: str) -> None:
    pieces = [escaped(one).encode() for one in text]
    whole, ends, at = b"".join(pieces), {0}, 0
    for piece in pieces:
        at += len(piece)
        ends.add(at)
    assert {offset for offset in range(len(whole) + 1) if not is_cut(whole, offset)} == ends


@given(st.text(max_size=8))
def test_a_value_survives_each_of_its_spellings(text: str) -> None:
    assert value(escaped(text).encode()) == text
    assert {value(one) for one in spellings(text)} == {text}


def test_the_value_of_a_stretch_that_is_no_json_is_the_stretch() -> None:
    assert value(rb"cut \u00") == r"cut \u00"
    assert value(b'a "quoted\xff') == 'a "quoted\udcff'


@pytest.mark.parametrize("lone", ["\ud800", "a\udfff"])
def test_a_lone_surrogate_is_spelled_as_an_escape_only(lone: str) -> None:
    unit = f"{ord(lone[-1]):04x}"
    assert spellings(lone) == {
        (lone[:-1] + rf"\u{spelled}").encode() for spelled in (unit, unit.upper())
    }


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("é", "é".encode()),
        ("a\udcff", b"a\xff"),  # a byte that is no UTF-8, decoded
        ("\ud800", b"\xed\xa0\x80"),  # a surrogate of the text's own
    ],
)
def test_text_is_encoded_whatever_it_was_decoded_of(text: str, made: bytes) -> None:
    assert encoded(text) == made


# Spelled by a client, and in a view.
PLAIN = {
    rb"\u0041": b"A",
    rb"\u007e": b"~",
    rb"\u005C": b"\\\\",
    rb"\u0022": b'\\"',
    rb"\u000a": rb"\n",
    rb"\/": b"/",
} | {piece: piece for piece in (b"\\\\", rb"\n", rb"\u00e9", rb"\u001b", b"u0041", b"a", b"/")}


@given(st.lists(st.sampled_from(sorted(PLAIN)), max_size=12))
@example([b"\\\\", b"u0041"])
@example([b"\\\\", rb"\u0041"])
@example([b"a", b"\\\\", b"\\\\", b"/", rb"\/"])
def test_a_view_spells_what_is_plain_as_itself_and_leads_back(pieces: list[bytes]) -> None:
    made = view(b"".join(pieces))
    assert made.text == b"".join(PLAIN[piece] for piece in pieces)
    spelled = original = 0
    for piece in pieces:
        assert made.original(spelled) == original
        spelled, original = spelled + len(PLAIN[piece]), original + len(piece)
    assert made.original(spelled) == original


@pytest.mark.parametrize("offset", [*range(13)])
def test_a_surrogate_pair_is_one_escape(offset: int) -> None:
    pair = rb"\ud83d\ude00"
    assert escape_around(pair + b"a", offset) == ((0, 12) if 0 < offset < 12 else None)


def test_an_offset_inside_the_bytes_of_a_character_is_cut() -> None:
    text = "a\u20acb".encode()
    assert [is_cut(text, offset) for offset in range(6)] == [False, False, True, True, *[False] * 2]


def test_bytes_that_are_no_character_are_no_escape() -> None:
    assert escape_around(b"\xf4\x80\x80\x80\x80", 4) is None


@pytest.mark.parametrize(
    ("start", "end", "whole"),
    [
        (0, 1, (0, 1)),  # an escape behind and nothing before
        (1, 7, (1, 7)),
        (3, 8, (1, 8)),
        (0, 2, (0, 7)),
        (2, 6, (1, 7)),
        (8, 10, (8, 11)),
    ],
)
def test_a_span_takes_the_whole_of_an_escape_that_it_cuts(
    start: int, end: int, whole: tuple[int, int]
) -> None:
    assert widened(b"x\\u00e9y\xe2\x82\xac", start, end) == whole


def test_a_value_with_a_lone_surrogate_is_written_in_escapes() -> None:
    assert escaped("\u00e9\ud800") == r"\u00e9\ud800"
    assert escaped('\u00e9"') == '\u00e9\\"'
    assert "\u00e9".encode() in spellings("\u00e9")


def test_a_backslash_that_ends_a_terminals_command_escapes_nothing() -> None:
    assert escape_around(rb"\u001b\\n", 8) is None
    assert escape_around(rb"\u001a\\n", 8) == (6, 9)
