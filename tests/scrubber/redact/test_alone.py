"""A hit that stands alone in its unit is replaced as it is among others."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scrubber.detect.hits import Hit
from app.scrubber.placeholders import Style
from app.scrubber.redact import survey
from app.scrubber.redact.alone import is_alone
from tests.scrubber import conversations as conv
from tests.scrubber import scrubbing
from tests.scrubber.scrubbing import BUILT_IN
from tests.thorough import scaled

BY_NAME = {one.name: one for one in BUILT_IN.detectors}
PIECES = st.sampled_from(
    [
        *("a@b.cc", "a@b.cc.dd", "b.cc", "a@b.cca@b.cc", "é@b.cc", "git@b.cc", "ghp_" + "a" * 36),
        *("ghp_" + "a" * 80, "redis://:hunter2@h", "hunter2", "<EMAIL_1>", "EMAIL-0001"),
        *(" ", "\n", "words ", "words " * 90, "x", '"', "\\n"),
    ]
)
TEXTS = st.lists(PIECES, max_size=5).map("".join)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant"]),
            "content": st.one_of(
                TEXTS, st.lists(st.fixed_dictionaries({"text": TEXTS, "more": TEXTS}), max_size=2)
            ),
        }
    ),
    min_size=1,
    max_size=4,
)


@given(
    st.one_of(conv.REQUESTS, st.fixed_dictionaries({"messages": MESSAGES})),
    conv.ENCODINGS,
    st.sampled_from(["angle", "token"]),
)
@settings(max_examples=scaled(300, 80))
def test_no_result_differs_from_that_of_hits_among_others(
    request_: Any, encode: Any, style: Style
) -> None:
    body = encode(request_)
    quickly = scrubbing.redact(body, scrubbing.scrubber(style=style, receipts=True))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(survey, "is_alone", lambda *_: False)
        slowly = scrubbing.redact(body, scrubbing.scrubber(style=style, receipts=True))
    assert quickly == slowly


@pytest.mark.parametrize(
    ("text", "found", "alone"),
    [
        ("words aXa words", "aXa", True),
        ("words aXa words aXa", "aXa", False),
        ("words aXaXa words", "aXa", False),  # overlaps itself
        ("words \\u0061X words", "\\u0061X", False),  # may be spelled otherwise
        ("words é@b.cc", "é@b.cc", False),
    ],
)
def test_a_value_stands_alone_if_it_can_stand_nowhere_else(
    text: str, found: str, alone: bool
) -> None:
    whole, value = text.encode(), found.encode()
    at = whole.index(value)
    hit = Hit(at, at + len(value), BY_NAME["github_token"], value, None)
    assert is_alone(whole, hit) is alone
    assert not is_alone(whole, hit._replace(password=b"p"))
    assert not is_alone(whole, hit._replace(detector=BY_NAME["private_key"]))


def test_an_allowed_value_that_stands_alone_stays() -> None:
    allowing = msgspec.structs.replace(BUILT_IN, values=frozenset({"a@b.cc"}))
    request = {"messages": [{"role": "user", "content": "words a@b.cc"}]}
    assert scrubbing.redacted(request, scrubbing.scrubber(rules=allowing)) == request
    assert scrubbing.redacted(request) != request
