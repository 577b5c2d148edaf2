"""Which bodies are scanned: those of a size that is not too large, decoded."""

import gzip
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.scrubber.redact import intake
from app.scrubber.redact.intake import Limits, Skipped, plain_body
from tests.cases import every_case

TEXT = json.dumps({"messages": ["words"]}).encode()
IMAGE = {"type": "image", "source": {"type": "base64", "data": "QUJD" * 100}}
MIXED = json.dumps({"messages": [{"role": "user", "content": [IMAGE]}]}).encode()


@every_case("coding", [None, "gzip"])
@every_case(
    "body, limits",
    [
        (TEXT, Limits(len(TEXT), len(TEXT))),
        (MIXED, Limits(len(MIXED) - 300, len(MIXED))),
    ],
)
def test_a_body_of_just_the_limits_is_scanned(
    body: bytes, limits: Limits, coding: str | None
) -> None:
    assert plain_body(gzip.compress(body) if coding else body, coding, "POST", limits) == body


@every_case("coding", [None, "gzip"])
@every_case(
    "body, limits",
    [
        (TEXT, Limits(len(TEXT) - 1, len(TEXT))),
        (TEXT, Limits(len(TEXT), len(TEXT) - 1)),
        (MIXED, Limits(20, len(MIXED))),
        (MIXED, Limits(len(MIXED), len(MIXED) - 1)),
    ],
)
def test_a_larger_one_is_not(body: bytes, limits: Limits, coding: str | None) -> None:
    with pytest.raises(Skipped, match="too_large"):
        plain_body(gzip.compress(body) if coding else body, coding, "POST", limits)


def test_a_body_is_decoded_no_further_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless:
        names = ("gzip",)

        def __init__(self, _: Any) -> None:
            pass

        def feed(self, piece: bytes) -> Iterator[bytes]:
            return itertools.repeat(piece)

    monkeypatch.setattr(intake, "Decoder", Endless)
    with pytest.raises(Skipped, match="too_large"):
        plain_body(TEXT, "gzip", "POST", Limits(1000, 1000))
