"""To survey units before the first of them is gone through changes no result."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scrubber.detect import dense
from app.scrubber.detect.prefilter import Prefilter, Scope
from app.scrubber.detect.scan import Scanner
from app.scrubber.json.document import units
from app.scrubber.json.spans import Span
from app.scrubber.placeholders import Scheme
from app.scrubber.redact.literals import Literals
from app.scrubber.redact.survey import Survey, Surveyor
from tests.scrubber import conversations as conv
from tests.scrubber import scrubbing
from tests.scrubber.scrubbing import BUILT_IN
from tests.thorough import scaled

TOKEN = "ghp_" + "f4k3" * 9
DETECTORS = BUILT_IN.detectors
LITERALS = Literals(Scheme("angle", b"k"), [one.label for one in DETECTORS])
SCANNER = Scanner(DETECTORS, LITERALS.gate)
PIECES = st.sampled_from(
    [
        *(
            "@",
            "a@b.cc",
            "@ " * 40,
            "task-sk-",
            TOKEN,
            "hunter2",
            "redis://:hunter2@h",
            "<EMAIL_1>",
        ),
        *(" ", "words " * 90, "<GITHUB_TOKEN_1>", "sk-ant-", "git@github.com", "basic words", "\n"),
    ]
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant"]),
            "content": st.lists(PIECES, max_size=8).map("".join),
        }
    ),
    min_size=1,
    max_size=4,
)


def surveyor() -> Surveyor:
    return Surveyor(SCANNER, LITERALS, Prefilter(DETECTORS, LITERALS.signs))


def surveyed(*contents: str) -> tuple[list[bool], list[Survey | None]]:
    """Return of each message whether it is quiet, and its survey."""
    messages = [{"role": "user", "content": content} for content in contents]
    body = json.dumps({"messages": messages}, separators=(",", ":")).encode()
    found = units(body)
    quiet, surveys = surveyor().units(body, found, lambda: None)
    return [one.start in quiet for one in found], [surveys.get(one.start) for one in found]


@given(
    st.one_of(conv.REQUESTS, st.fixed_dictionaries({"messages": MESSAGES})),
    conv.ENCODINGS,
    st.booleans(),
)
@settings(max_examples=scaled(150, 40))
def test_no_result_differs_from_that_of_units_looked_into_one_by_one(
    request_: Any, encode: Any, receipts: bool
) -> None:
    body = encode(request_)
    ahead = scrubbing.redact(body, scrubbing.scrubber(receipts=receipts))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dense, "MOST_STEPS", dense.BURST)  # no request has steps for that
        patched.setattr(Surveyor, "_is_quiet", lambda *_: False)
        assert scrubbing.redact(body, scrubbing.scrubber(receipts=receipts)) == ahead


def test_a_unit_with_signs_but_without_secrets_is_quiet() -> None:
    quiet, surveys = surveyed("task-sk-ant-x", "@property", "icon@2x.png", "words", "a@b.cc")
    assert quiet == [True, True, False, True, False]
    assert surveys[:2] == [None, None]
    longer = "words " * 40 + "icon@2x.png"  # as long as the look at it takes steps
    assert surveyed(longer)[0] == [True]


def test_a_unit_with_a_placeholder_is_not_quiet() -> None:
    quiet, (survey,) = surveyed("<GITHUB_TOKEN_1>")
    assert quiet == [False]
    assert survey is not None
    assert survey.has_literals
    assert survey.strings is not None
    assert not survey.hits


def test_a_survey_has_the_hits_of_a_unit() -> None:
    _, (survey,) = surveyed(TOKEN)
    assert survey is not None
    [hit] = survey.hits
    assert hit.escaped == TOKEN.encode()
    assert survey.steps > dense.CHECK


def test_of_an_unusual_value_or_one_of_many_candidates_no_hits_are_known() -> None:
    whole = Scope([Span(0, 9_999)])
    spaced = surveyor().unit(f'{{"a" : "{TOKEN}"}}'.encode(), "api", whole)
    assert spaced.candidates is not None
    assert spaced.strings is None
    many = surveyor().unit(f'"{"a@b.cc " * 2 * dense.FEW}"'.encode(), "api")
    assert many.candidates is None
    assert many.strings is None
