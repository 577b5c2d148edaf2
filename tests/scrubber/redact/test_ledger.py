"""Which placeholder stands for a value, and what one value too many gets."""

import pytest

from app.scrubber.detect.detector import LONGEST_MATCH
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.json.spans import Span
from app.scrubber.placeholders import DIGEST_DIGITS, Hidden, Scheme
from app.scrubber.redact import ledger
from app.scrubber.redact.ledger import MOST_KNOWN, Ledger
from tests.cases import every_case

EMAIL = next(one for one in BUILT_IN if one.name == "email")
SECRET = next(one for one in BUILT_IN if one.tier == "secret")
SCHEME = Scheme("angle", b"k")


def made() -> Ledger:
    return Ledger(SCHEME)


def test_identifiers_whose_digests_begin_alike_get_more_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "DIGEST_DIGITS", 1)
    own, values = made(), [f"user{number}@example.com" for number in range(40)]
    shown = [own.placeholder(EMAIL, value) for value in values]
    assert len(set(shown)) == len(values)
    assert [own.placeholders[one].value for one in shown] == values
    assert [own.placeholder(EMAIL, value) for value in values] == shown
    sizes = {len(one) for one in shown}
    assert min(sizes) == len("<EMAIL_HMAC:0>")
    assert len(sizes) > 1


def test_one_value_too_many_is_hidden_and_not_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_KNOWN", 2)
    own = made()
    kept = [own.placeholder(EMAIL, f"user{number}@example.com") for number in range(2)]
    over = own.placeholder(EMAIL, "one@example.com")
    assert over == SCHEME.identifier("EMAIL", "one@example.com", 2 * DIGEST_DIGITS)
    assert own.placeholder(SECRET, "fakefakefake") == SCHEME.secret(SECRET.label, 3)
    assert sorted(own.placeholders) == sorted(kept)
    assert not own.has("one@example.com")
    assert own.placeholder(EMAIL, "user0@example.com") == kept[0]


def test_values_that_overlap_are_hidden_as_one_though_they_are_too_many_or_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = made()
    assert own.joined(SECRET.name, "x" * LONGEST_MATCH) in own.placeholders
    over = SCHEME.secret(SECRET.name.upper(), MOST_KNOWN + 1)
    assert own.joined(SECRET.name, "x" * (LONGEST_MATCH + 1)) == over
    monkeypatch.setattr(ledger, "MOST_KNOWN", 1)
    assert own.joined(SECRET.name, "another") == SCHEME.secret(SECRET.name.upper(), 2)
    assert len(own.placeholders) == 1


def test_what_stands_for_one_too_many_is_no_number_that_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert made().overflow(SECRET, "any") == SCHEME.secret(SECRET.label, MOST_KNOWN + 1)
    monkeypatch.setattr(ledger, "MOST_KNOWN", 4)
    for literals in ((), (2,), (2, 3, 4, 5, 6, 7)):
        own = made()
        for number in literals:
            own.reserve(SECRET.label, number)
        shown = [own.placeholder(SECRET, f"fakefakefake{number}") for number in range(4)]
        assert len(set(shown)) == len(own.placeholders) == 4
        assert own.placeholder(SECRET, "one too many") not in own.placeholders


def test_a_replayed_unit_leads_to_the_same_state() -> None:
    first, second = made(), made()
    first.reserve(SECRET.label, 1)
    first.distrust("<EMAIL_1>")
    first.spend(7)
    first.spend(0)
    assert first.placeholder(SECRET, "fakefakefake") == SCHEME.secret(SECRET.label, 2)
    first.learn(EMAIL, "hunter2")
    changes = first.settle()
    second.replay(changes, first.digest)
    assert (second.digest, second.placeholders) == (first.digest, first.placeholders)
    assert (second.foreign, second.spent) == ({"<EMAIL_1>"}, 7)
    assert second.placeholder(SECRET, "another") == SCHEME.secret(SECRET.label, 3)
    assert first.settle() == ()
    assert first.digest == second.digest


def found_in(own: Ledger, text: str) -> list[tuple[Span, Hidden, str]]:
    return list(own.known(text.encode(), [Span(0, len(text))]))


@every_case("password", ["hunte2", "p-a.ss", "Pass-word", "Hunter", "passwordword", "12345678"])
def test_a_password_is_looked_for_on_its_own(password: str) -> None:
    own = made()
    own.learn(SECRET, password)
    shown, hidden = SCHEME.secret(SECRET.label, 1), Hidden(SECRET.name, password)
    assert found_in(own, f"is {password} here") == [(Span(3, 3 + len(password)), hidden, shown)]
    assert dict(own.placeholders) == {shown: hidden}


@every_case("password", ["", "hunt2", "hunter", "password", "PASSWORD", "passwordwor"])
def test_a_short_password_and_an_everyday_word_are_not(password: str) -> None:
    own = made()
    own.learn(SECRET, password)
    assert found_in(own, f"is {password} here") == []
    assert own.settle() == ()


def test_passwords_are_learned_up_to_the_limit_of_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST_KNOWN", 2)
    own = made()
    for number in range(3):
        own.learn(SECRET, f"fakefake{number}")
    assert len(found_in(own, "fakefake0 fakefake1 fakefake2")) == 2


def test_a_text_with_too_many_placeholders_of_its_own_is_crowded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "MOST_LITERALS", 3)
    own = made()
    for number in (7, 7, 8):
        own.reserve(SECRET.label, number)
        own.distrust("<EMAIL_HMAC:00000000>")
    assert own.crowded
    assert len(own.settle()) == 3
    own.reserve(SECRET.label, 9)
    own.distrust("<EMAIL_HMAC:00000001>")
    assert own.settle() == ()


def test_the_state_depends_on_all_units_before() -> None:
    states = set()
    for steps in ((1, 2), (2,), (2, 1), (2, 2)):
        own = made()
        for step in steps:
            own.spend(step)
            own.settle()
        states.add(own.digest)
    assert len(states) == 4
