"""A request that continues a message thread is found, however it says so."""

import json
from typing import Any

from app.scrubber.json.document import Unit
from app.scrubber.redact.threads import is_threaded
from tests.cases import every_case
from tests.scrubber import scrubbing

SCRUBBER = scrubbing.scrubber()
THREAD = {"id": "thread_fake"}


def skipped(body: bytes) -> str | None:
    return SCRUBBER.redact(body, None, "POST").report.skipped


def batch(params: Any) -> dict[str, Any]:
    return {"requests": [{"custom_id": "one", "params": {"model": "m"}}, params]}


@every_case(
    "body",
    [
        {"thread": THREAD},
        {"thread": "thread_fake"},
        batch({"params": {"thread": THREAD}}),
        batch({"params": {"model": "m", "thread": "thread_fake"}}),
    ],
)
def test_a_thread_is_found_in_a_request_and_in_a_batch(body: Any) -> None:
    text = json.dumps(body)
    assert skipped(text.encode()) == "thread"
    assert skipped(text.replace('"thread"', r'"\u0074hre\u0061d"').encode()) == "thread"


@every_case(
    "body",
    [
        {"thread": None},
        {"messages": "thread", "system": '"thread"'},
        batch({"params": {"thread": None}}),
        batch({"params": {"metadata": {"thread": THREAD}}}),
        batch({"params": {"model": "thread"}}),
        batch({"thread": THREAD}),
        batch({"other": {"thread": THREAD}}),
        batch({"params": {"system": "\\u0041"}}),
    ],
)
def test_anything_else_of_that_name_is_none(body: Any) -> None:
    assert skipped(json.dumps(body).encode()) is None


def test_what_is_no_json_has_no_thread() -> None:
    text = b'[{"params":{"thread" 1}}]'
    assert not is_threaded(text, [Unit(0, len(text), ("requests", 0))])
