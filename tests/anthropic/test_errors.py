import json

import pytest

from app import errors
from app.anthropic.errors import ERROR_CLASSES, TYPES, ErrorClass, envelope, error_class
from app.errors import Source, answers


def test_an_envelope_has_the_shape_of_the_api() -> None:
    assert json.loads(envelope("api_error", "no “way”\n", "req_1")) == {
        "type": "error",
        "error": {"type": "api_error", "message": "no “way”\n"},
        "request_id": "req_1",
    }


def test_an_envelope_without_a_request_id_does_not_name_one() -> None:
    assert "request_id" not in json.loads(envelope("api_error", "no"))


def test_an_envelope_can_hold_any_text() -> None:
    assert json.loads(envelope("api_error", "\ud800"))["error"]["message"] == "\ud800"


def test_the_failures_of_the_proxy_have_types_of_the_api() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    used = {kind.error_type for kind in kinds if hasattr(kind, "error_type")}
    assert used <= set(TYPES.values())


@pytest.mark.parametrize(
    ("source", "error_type", "reason", "expected"),
    [
        *(("upstream", "any", str(status), "client") for status in (400, 401, 403, 404, 413, 422)),
        ("upstream", "rate_limit_error", "429", "limit"),
        ("upstream", "billing_error", "402", "limit"),
        ("upstream", "overloaded_error", "529", "overload"),
        *(("upstream", "unknown", str(status), "upstream") for status in (500, 502, 503, 504, 599)),
        ("upstream", "overloaded_error", "error_event", "overload"),
        ("upstream", "rate_limit_error", "error_event", "limit"),
        ("upstream", "api_error", "error_event", "upstream"),
        ("upstream", "made_up_error", "error_event", "upstream"),
        ("upstream", "timeout_error", "read_timeout", "upstream"),
        ("upstream", "api_error", "malformed_response", "upstream"),
        ("upstream", "timeout_error", "connect_timeout", "network"),
        ("upstream", "api_error", "connect_failed", "network"),
        ("upstream", "api_error", "connection_lost", "network"),
        ("upstream", "api_error", "cut", "network"),
        ("client", "request_too_large", "body_too_large", "client"),
        ("proxy", "overloaded_error", "pool_timeout", "proxy"),
    ],
)
def test_an_error_has_one_class(
    source: Source, error_type: str, reason: str, expected: ErrorClass
) -> None:
    assert error_class(source, error_type, reason) == expected


def test_every_failure_of_the_proxy_has_a_class() -> None:
    kinds = list(answers())

    assert errors.InternalError in kinds
    assert {error_class(kind.source, kind.error_type, "reason") for kind in kinds} == {
        "client",
        "network",
        "proxy",
    }
    assert set(ERROR_CLASSES) == {"client", "limit", "overload", "upstream", "proxy", "network"}
