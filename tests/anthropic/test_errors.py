import json

from app import errors
from app.anthropic.errors import TYPES, envelope


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
