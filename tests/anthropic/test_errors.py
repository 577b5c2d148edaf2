import json
import re
from pathlib import Path

import pytest

from app import errors
from app.anthropic.errors import ERROR_CLASSES, ErrorClass, answer, error_class
from app.errors import Source, answers


def test_a_failure_is_answered_in_the_shape_of_the_api() -> None:
    made = answer(errors.Busy("peer_limit", "no “way”\n", retry_after=1))

    assert made.status == 529
    assert json.loads(made.body) == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "no “way”\n"},
    }
    assert made.headers == [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(made.body)),
        (b"x-anthropic-proxy-error", b"peer_limit"),
        (b"retry-after", b"1"),
    ]


def test_a_message_can_hold_any_text() -> None:
    made = answer(errors.BadRequest("reason", "\ud800"))
    assert json.loads(made.body)["error"]["message"] == "\ud800"


def test_a_refused_method_says_which_are_allowed_and_a_page_how_to_authenticate() -> None:
    names = {
        kind: {name for name, _ in answer(kind("reason", "Message.")).headers}
        for kind in (errors.MethodRefused, errors.PageUnauthorized, errors.Unauthorized)
    }
    assert b"allow" in names[errors.MethodRefused]
    assert b"www-authenticate" in names[errors.PageUnauthorized]
    assert b"www-authenticate" not in names[errors.Unauthorized]


def test_the_failures_of_the_proxy_have_types_of_the_api() -> None:
    assert {kind.error_type for kind in answers()} <= set(errors.API_TYPES.values())


def test_a_status_of_the_api_has_its_type() -> None:
    for kind in set(answers()) - {errors.OverBudget}:  # as Anthropic's own gateway answers
        assert kind.error_type == errors.API_TYPES.get(kind.status, kind.error_type)


def test_the_map_of_failures_is_true() -> None:
    drawn = re.findall(r"[├└]── (\w+) +(\d{3}) (\w+)", errors.__doc__ or "")
    made = [(kind.__name__, str(kind.status), kind.error_type) for kind in answers()]
    assert sorted(drawn) == sorted(made)


def test_an_answer_is_made_in_one_place() -> None:
    """Neither the header nor the shape is written anywhere else."""
    root = Path(errors.__file__).parent
    for path in root.rglob("*.py"):
        text, name = path.read_text(), path.relative_to(root).as_posix()
        assert "ERROR_HEADER" not in text or name in ("anthropic/errors.py", "wire/headers.py")
        assert '"type": "error"' not in text or name == "anthropic/errors.py"


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
        ("upstream", "api_error", "²", "network"),
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
