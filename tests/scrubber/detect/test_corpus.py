"""Recall and precision of the built-in detectors on the corpus."""

import json
from collections import Counter

import pytest

from app.scrubber.detect import rules
from app.scrubber.detect.hits import Hit
from app.scrubber.detect.scan import Scanner
from app.scrubber.json.escapes import value, view
from app.scrubber.json.spans import Span
from tests.scrubber import corpus


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(rules.load(file=None).detectors)


def hits(scanner: Scanner, text: str) -> list[Hit]:
    return hits_in(scanner, view(json.dumps(text).encode()).text)


def hits_in(scanner: Scanner, token: bytes) -> list[Hit]:
    """Return the hits in a string token."""
    return list(scanner.hits(token, scanner.candidates(token), Span(1, len(token) - 1)))


def survives(scanner: Scanner, text: str, secret: str) -> bool:
    """Whether the last line of a secret is still there once all hits are cut out."""
    escaped = view(json.dumps(text).encode()).text
    for hit in reversed(hits_in(scanner, escaped)):
        escaped = escaped[: hit.start] + b"<>" + escaped[hit.end :]
    return any(line in value(escaped[1:-1]) for line in secret.removeprefix("Bearer ").split("\n"))


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(list(corpus.positives())) >= 300
    assert len(list(corpus.in_contexts("x"))) >= 15
    assert len(list(corpus.negatives())) >= 500


def test_ninety_nine_of_a_hundred_secrets_are_found_whatever_stands_around_them(
    scanner: Scanner,
) -> None:
    tried = missed = 0
    misses: Counter[tuple[str, str]] = Counter()
    for name, secret in corpus.positives():
        for context, text in corpus.in_contexts(secret):
            tried += 1
            if survives(scanner, text, secret):
                missed += 1
                misses[name, context] += 1
    assert missed <= tried * 0.01, misses.most_common(20)


def test_a_found_secret_is_named_by_its_own_detector(scanner: Scanner) -> None:
    for name, secret in corpus.positives():
        found = {hit.detector.name for hit in hits(scanner, f"value: {secret}\n")}
        assert name in found, secret


def test_nothing_that_merely_looks_like_a_secret_is_taken_for_one(scanner: Scanner) -> None:
    found = {
        (hit.detector.name, text)
        for text in corpus.negatives()
        for hit in hits(scanner, text)
        if hit.detector.tier == "secret"
    }
    assert not found
