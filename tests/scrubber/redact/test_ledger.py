"""Which placeholder stands for a value, and what one value too many gets."""

import pytest

from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.placeholders import DIGEST_DIGITS, Scheme
from app.scrubber.redact import ledger
from app.scrubber.redact.ledger import MOST_KNOWN, Ledger

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
