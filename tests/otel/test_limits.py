"""Spans within the limits that the variables set."""

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app.otel import protobuf
from app.otel.environment import Limits
from app.otel.limits import limited
from app.otel.protobuf import SPAN_ATTRIBUTE
from tests.otel.receiver import attributes

TEXTS = protobuf.attributes(SPAN_ATTRIBUTE, {"one": "éab", "two": ("cde", "f"), "three": 3})
TEXTS += protobuf.event("event", 7, {"four": "ghi", "five": 5})


def decoded(encoded: bytes) -> Span:
    span = Span()
    span.ParseFromString(encoded)
    return span


@pytest.mark.parametrize("limits", [Limits(), Limits(300, 9, 9, 9), Limits(None, 3, 1, 2)])
def test_a_span_within_the_limits_stays(limits: Limits) -> None:
    assert decoded(limited(TEXTS, limits)) == decoded(TEXTS)


def test_texts_are_shortened_by_characters_and_numbers_stay() -> None:
    span = decoded(limited(TEXTS, Limits(length=2)))
    assert attributes(span.attributes) == {"one": "éa", "two": ["cd", "f"], "three": 3}
    assert attributes(span.events[0].attributes) == {"four": "gh", "five": 5}


@pytest.mark.parametrize("most", [0, 1])
def test_a_span_says_how_much_was_left_out(most: int) -> None:
    span = decoded(limited(TEXTS, Limits(attributes=most, event_attributes=most)))
    assert [len(span.attributes), span.dropped_attributes_count] == [most, 3 - most]
    event = span.events[0]
    assert [len(event.attributes), event.dropped_attributes_count] == [most, 2 - most]
    assert decoded(limited(TEXTS, Limits(events=0))).dropped_events_count == 1
