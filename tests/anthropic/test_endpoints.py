import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.endpoints import ROUTES, route

CASES = [
    ("POST", b"/v1/messages", "messages"),
    ("POST", b"/v1/messages?beta=true", "messages"),
    ("POST", b"/v1/messages?", "messages"),
    ("POST", b"/v1/messages/count_tokens?beta=true", "count_tokens"),
    ("POST", b"/v1/messages/batches", "batches"),
    ("GET", b"/v1/messages/batches/msgbatch_1/results", "batches"),
    ("GET", b"/v1/files", "files"),
    ("GET", b"/v1/files/file_1/content", "files"),
    ("GET", b"/v1/models?limit=1000", "models"),
    ("GET", b"/v1/models/claude-opus-5-5", "models"),
    ("HEAD", b"/", "hello"),
    ("HEAD", b"/api/hello", "hello"),
    ("GET", b"/api/hello", "hello"),
    ("POST", b"/api/event_logging/batch", "event_logging"),
    ("GET", b"/", "other"),
    ("GET", b"/v1/messages/", "other"),
    ("GET", b"/v1/messages/other", "other"),
    ("GET", b"/v1/filesystem", "other"),
    ("GET", b"/v1/models.json", "other"),
    ("GET", b"//v1/messages", "other"),
    ("GET", b"/x?/v1/messages", "other"),
    ("GET", b"", "other"),
]


@pytest.mark.parametrize(("method", "target", "expected"), CASES)
def test_each_endpoint_has_its_route(method: str, target: bytes, expected: str) -> None:
    assert route(method, target) == expected


@given(st.text(), st.binary())
def test_no_request_leaves_the_closed_set(method: str, target: bytes) -> None:
    assert route(method, target) in ROUTES


def test_the_routes_are_those_of_the_metrics() -> None:
    assert set(ROUTES) == {expected for _, _, expected in CASES}
