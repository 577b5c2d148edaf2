"""The look from afar: it passes over nothing in which a secret or a placeholder may stand."""

import functools
import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.scrubber.automaton import compiled
from app.scrubber.detect.dense import Effort
from app.scrubber.detect.detector import Detector, Finder
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.detect.prefilter import CLEAR, FAINT, FIRST, NONE, Prefilter, Signs
from app.scrubber.detect.rules import Rules
from app.scrubber.detect.scan import Scanner
from app.scrubber.detect.sources import COMMON
from app.scrubber.json.document import units
from app.scrubber.json.escapes import spellings
from app.scrubber.json.spans import Span
from app.scrubber.placeholders import Scheme
from app.scrubber.redact.literals import Literals
from app.scrubber.redact.scrubber import Scrubber
from tests.cases import every_case
from tests.scrubber import conversations as conv
from tests.scrubber import scrubbing
from tests.scrubber.detect.searching import prefiltered
from tests.thorough import scaled

RULES = scrubbing.BUILT_IN
EXTENDED_RULES = scrubbing.EXTENDED
GATED = [one for one in EXTENDED_RULES.detectors if one.gate]
FINDERS = [finder for one in EXTENDED_RULES.detectors for finder in one.finders]
EXTENDED_PREFILTER = Prefilter(EXTENDED_RULES.detectors, Signs((), ()))
# What anchors and ends of values are made of, so that some are nearly there.
PIECES = st.sampled_from(
    [
        *("sk-", "ant-", "AKIA", "gh", "p_", "ey", "J", "11", "0a" * 15, "hvs", ".", "-----", "@"),
        *("BEGIN", "b.cc", "a", "://", "u:p", "postgres", "%40", "Bea", "rer ", "BASIC ", "<"),
        *("EMAIL_1>", "github_token_2", "&", "lt;", "\x1b[0m", "\u00e9", "/", "\\", '"', "\uff1c"),
        *("password", "=", "Pwd=hunter2;", "Server=db;", "token: ", "auth", "authorization ", "s."),
        *("key", "AA", "12345678:", "glpat-", "kind: Secret", "data:", "curl ", "-u ", "a:b12345"),
        *("@" * 70, "%3C", "\\u003c", "dXNlcjpwYXNz", "x" * 40, " ", "\n", "\ud83d\ude00"),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def prefilter(style: Any = "angle") -> Prefilter:
    literals = Literals(Scheme(style, b"k"), [one.label for one in BUILT_IN])
    return Prefilter(BUILT_IN, literals.signs)


def quiet(*texts: str, used: Prefilter | None = None) -> list[bool]:
    """Return of each text whether it is passed over."""
    body = json.dumps({"messages": texts}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    found = units(body)
    starts = (used or prefilter()).findings(body, found, lambda: None).quiet
    return [unit.start in starts for unit in found]


def own(name: str, gate: str) -> Detector:
    """Return what `rules` makes of a rule of the user's own."""
    pattern = compiled(gate)
    group = 1 if pattern.groups else 0
    return Detector(
        name=name, gate=f"({gate})", shared=False, pattern=pattern, group=group, examples=()
    )


# With a rule that depends on the edges of its text each value is looked into.
EDGY = own("edgy", r"\Anever_[0-9]{9}")
OWN = (
    own("acme", r"\bp_[a-z.]{2,9}\b"),
    own("greedy", "Pwd=(.*)"),
    own("odd", r"[^a-z]\B[-0-9]{4,}"),
    own("any_case", "(?i)BEARER|b.cc"),
    own("crossing", r'x"[^x]*"p'),
    own("spelled", r"\\(?:n|u[0-9a-f]{4})b"),
)
OWN_RULES = Rules((*RULES.detectors, *OWN))
SLOW, SLOW_EXTENDED, SLOW_OWN = (
    Rules((*one.detectors, EDGY)) for one in (RULES, EXTENDED_RULES, OWN_RULES)
)


def scrubber(mode: Any, style: Any, rules_: Rules) -> Scrubber:
    return scrubbing.scrubber(mode=mode, rules=rules_, style=style, cache=0, receipts=True)


KINDS = [
    (mode, style, chosen)
    for mode in ("pseudonymize", "detect")
    for style in ("angle", "token")
    for chosen in ("usual", "extended", "own")
]
PAIRS = {
    "usual": (RULES, SLOW),
    "extended": (EXTENDED_RULES, SLOW_EXTENDED),
    "own": (OWN_RULES, SLOW_OWN),
}


@functools.cache
def both(mode: Any, style: Any, chosen: str) -> tuple[Scrubber, ...]:
    return tuple(scrubber(mode, style, one) for one in PAIRS[chosen])


def same(body: bytes, kind: tuple[Any, Any, str]) -> bool:
    """Return True if looking from afar changes nothing."""
    quick, slow = (one.redact(body, None, "POST") for one in both(*kind))
    return quick == slow


@pytest.mark.parametrize("detector", GATED, ids=lambda one: one.name)
@given(st.data())
@settings(max_examples=scaled(25, 6))
def test_all_that_a_gate_matches_holds_an_anchor(detector: Any, data: st.DataObject) -> None:
    text: bytes = data.draw(st.from_regex(re.compile(detector.gate.encode("latin-1"))))
    held = any(anchor in text for anchor in detector.anchors)
    assert held or (detector.anchor and re.search(detector.anchor.encode(), text))


def test_the_text_around_values_makes_none_loud_and_each_is_judged_alone() -> None:
    assert quiet("words", "TOKEN=ghp_", "more words", "a@b.cc", "@property", "x") == [
        *(True, False, True),
        *(False, True, True),
    ]


def test_what_words_hold_is_a_sign_only_with_what_has_to_follow_it() -> None:
    assert quiet("basic words", "Basic dXNlcjpwYXNz", "framework", "ewoghiabcdef") == [
        *(True, False),
        *(True, False),
    ]


def test_the_clearness_of_a_text_is_that_of_its_clearest_sign() -> None:
    clear = (b"a ghp_", b"a@b ghp_", b"11" + b"0a" * 15, b"Basic dXNlcjpwYXNz")
    signs = {
        FIRST: (b"ghp_", b"sk-ant-"),
        CLEAR: clear,
        FAINT: (b"a@b", b"://"),
        NONE: (b"@b", b" @b", b"basic", b"words"),
    }
    for clearness, texts in signs.items():
        assert {prefilter().clearness(text) for text in texts} == {clearness}


@given(TEXTS, TEXTS, TEXTS, st.booleans())
@settings(max_examples=scaled(200, 60))
def test_no_text_has_clearer_signs_than_one_that_it_stands_in(
    before: str, text: str, after: str, is_ascii: bool
) -> None:
    used = prefilter()
    whole = {"messages": ["words", before + text + after]}
    body = json.dumps(whole, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    (_, unit) = units(body)
    clearness = used.findings(body, units(body), lambda: None).quiet.get(unit.start, FIRST)
    for spelled in spellings(text):
        if spelled in body[unit.start : unit.end]:
            assert used.clearness(spelled) <= clearness


@given(TEXTS, st.lists(PIECES, min_size=1, max_size=6).map("".join), TEXTS)
@settings(max_examples=scaled(300, 100))
@example("ABI", "AKIA0", "")  # one literal is seen, and hides another
@example("a@b ", "c@d", " ghp_")
def test_a_text_that_begins_with_a_literal_stands_where_literals_do(
    before: str, text: str, after: str
) -> None:
    body = json.dumps({"messages": [before + text + after]}, ensure_ascii=False)
    raw = body.encode("utf-8", "surrogatepass")
    (unit,) = units(raw)
    scope = EXTENDED_PREFILTER.findings(raw, [unit], lambda: None).scopes.get(unit.start)
    if scope is None or scope.places is None:
        return
    value = raw[unit.start : unit.end]
    for spelled in spellings(text):
        clearness = EXTENDED_PREFILTER.clearness(spelled)
        if clearness == FIRST:
            found = re.finditer(b"(?=%b)" % re.escape(spelled), value)
            assert {one.start() for one in found} <= {*scope.places}
        assert clearness != FAINT or spelled not in value


def test_a_value_whose_only_signs_are_literals_has_known_places() -> None:
    texts = ("ghp_a ghp_b", "a@b ghp_", "AABIAKIA")
    body = json.dumps({"messages": texts}).encode()
    found = units(body)
    scopes = EXTENDED_PREFILTER.findings(body, found, lambda: None).scopes
    assert [scopes[unit.start].places for unit in found] == [[1, 7], None, None]


@pytest.mark.parametrize("detector", GATED, ids=lambda one: one.name)
@given(st.data())
@settings(max_examples=scaled(25, 6))
def test_all_that_a_gate_matches_is_a_clear_sign(detector: Any, data: st.DataObject) -> None:
    text: bytes = data.draw(st.from_regex(re.compile(detector.gate.encode("latin-1"))))
    assert EXTENDED_PREFILTER.clearness(text) >= CLEAR


@pytest.mark.parametrize("finder", [one for one in FINDERS if one.before], ids=str)
@given(st.binary(max_size=9), st.binary(max_size=9))
def test_nothing_starts_at_a_literal_that_has_none_of_its_octets_before_it(
    finder: Finder, before: bytes, behind: bytes
) -> None:
    text = before + finder.literal + behind
    if finder.before is not None and text[len(before) - 1] not in finder.before:
        assert finder.start(text, len(before)) < 0


def test_a_sign_between_two_values_is_in_neither() -> None:
    names = ("sk-ant-", "11" + "0a" * 15, "\\/", "a@b.cc")
    members = "".join(f',"{name}":"words"' for name in names)
    body = f'{{"messages":["words"]{members}}}'.encode()
    found = prefilter().findings(body, values := units(body), lambda: None)
    assert found.quiet == dict.fromkeys([value.start for value in values], NONE)
    assert not found.scopes


def test_each_spelling_of_a_placeholder_is_loud() -> None:
    opened = ("<", "&lt;", "&LT;", "&#60;", "&#x3c;", "%3c", "%3C", "\\u003c", "\\X3C", "\uff1c")
    texts = [f"{mark}EMAIL_1>" for mark in (*opened, "\\uFF1c")]
    assert not any(quiet(*texts))
    assert quiet("EMAIL_1>", "EMAIL-0001") == [True, True]
    assert quiet("EMAIL-0001", used=prefilter("token")) == [False]


@given(TEXTS, st.sampled_from(["angle", "token"]), st.booleans())
@settings(max_examples=scaled(300, 60))
def test_no_placeholder_stands_where_nothing_else_was_found(
    text: str, style: Any, is_ascii: bool
) -> None:
    literals = Literals(Scheme(style, b"k"), [one.label for one in BUILT_IN])
    value = json.dumps(text, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    scope = prefiltered(Prefilter(BUILT_IN, literals.signs), value)
    if scope is not None and not scope.may_hold_more:
        assert not [*literals.find(value, [Span(0, len(value))])]


@given(TEXTS, st.booleans())
@settings(max_examples=scaled(300, 60))
def test_no_rare_literal_stands_where_none_was_found(text: str, is_ascii: bool) -> None:
    value = json.dumps(text, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    scope = prefiltered(EXTENDED_PREFILTER, value)
    if scope is not None and not scope.may_hold_rare:
        assert not any(one.literal in value for one in FINDERS if one.literal not in COMMON)


@every_case("literal", [b"xa", b"xabx", b"ab", b"abx"])
def test_a_literal_that_may_hide_something_else_is_taken_for_it(literal: bytes) -> None:
    found = Detector(name="x", finders=(Finder(literal),), pattern=re.compile(b"x"), examples=())
    scope = prefiltered(Prefilter((found,), Signs((b"ab",), ())), b'"%bb"' % literal)
    assert scope is not None
    assert scope.may_hold_more


def test_a_literal_that_hides_nothing_is_not() -> None:
    found = Detector(name="x", finders=(Finder(b"bxy"),), pattern=re.compile(b"x"), examples=())
    scope = prefiltered(Prefilter((found,), Signs((b"ab",), ())), b'"bxy"')
    assert scope is not None
    assert not scope.may_hold_more


def test_what_often_holds_a_common_literal_is_loud_since_it_may_be_dense() -> None:
    assert quiet("@ " * 63, "word " * 5_000, "@ " * 64) == [True, True, False]


def test_a_quiet_value_takes_fewer_steps_than_those_that_a_loud_one_has_to_pay() -> None:
    used, text = prefilter(), "@ " * 63 + ":// " * 63
    assert quiet(text, used=used) == [True]
    effort = Effort.unlimited()
    assert Scanner(BUILT_IN).candidates(text.encode(), effort, []).head is None
    assert 0 < effort.taken < used.most_quiet
    assert quiet(text + "@ ", used=used) == [False]


def test_dense_text_is_given_up_and_the_rest_is_looked_into() -> None:
    assert quiet(*["eyJ" * 20_000, "words"]) == [False, False]


def test_behind_dense_text_more_and_more_is_not_looked_at() -> None:
    dense, words = (  # each is a group
        [(one * 2**16)[: 2**16 - 2]] * 2 for one in ("eyJ", "words ")
    )

    def are_quiet(*groups: list[str]) -> list[bool]:
        return quiet(*itertools.chain.from_iterable(groups))[::2]

    assert are_quiet(dense, words) == [False, True]
    assert are_quiet(dense, dense, words, words) == [False, False, False, True]
    assert are_quiet(*[dense] * 5, words, words) == [*[False] * 5, False, True]


def test_a_long_value_is_looked_into_and_those_beside_it_are_not() -> None:
    assert quiet("words", "word " * 20_000, "words") == [True, False, True]


def test_rules_of_the_users_own_are_looked_for_in_each_value() -> None:
    acme = own("acme", r"acme_[a-z]{4}\b")
    used = Prefilter((*RULES.detectors, acme), Signs((), ()))
    assert quiet("words", "an acme_abcd", "acme_", "acme_abc", "d", used=used) == [
        *(True, False, True),
        *(True, True),
    ]


@every_case("pattern", [r"\b", r"\b[A-Z]*", r"x*\B"])
def test_a_rule_that_matches_nothing_at_the_end_of_a_text_comes_to_an_end(pattern: str) -> None:
    scanner = Scanner([own("nothing", pattern)])
    for text in (b'"a b"', b"a b", b"a"):
        assert [*scanner.hits(text, scanner.candidates(text), Span(0, len(text)))] == []


@every_case("pattern", [r"\Aacme", "^acme", "(?m)acme$", r"acme\z", r"a(?:b|c\z)"])
def test_a_rule_that_depends_on_the_edges_of_its_text_has_all_of_it_looked_into(
    pattern: str,
) -> None:
    used = Prefilter((*RULES.detectors, own("edgy", pattern)), Signs((), ()))
    assert quiet("words", used=used) == [False]


def test_detectors_without_anchors_are_not_passed_over() -> None:
    for chosen, is_quiet in ((RULES, True), (EXTENDED_RULES, True), (OWN_RULES, True)):
        assert quiet("words", used=Prefilter(chosen.detectors, Signs((), ()))) == [is_quiet]
    unanchored = Detector(name="x", gate="x[0-9]", pattern=re.compile(rb"x"), examples=())
    assert quiet("words", used=Prefilter((unanchored,), Signs((), ()))) == [False]


@given(st.lists(TEXTS, min_size=1, max_size=8), st.sampled_from(KINDS), st.booleans())
@settings(max_examples=scaled(200, 40))
def test_no_result_of_a_scan_differs(texts: list[str], kind: Any, is_ascii: bool) -> None:
    messages = [{"role": "user", "content": one} for one in texts]
    made = json.dumps({"messages": messages, "system": texts[0]}, ensure_ascii=is_ascii)
    assert same(made.encode("utf-8", "surrogatepass"), kind)


@given(conv.REQUESTS, conv.ENCODINGS, st.sampled_from(KINDS))
@settings(max_examples=scaled(100, 20))
def test_no_result_of_a_conversation_differs(request_: Any, encode: Any, kind: Any) -> None:
    assert same(encode(request_), kind)
