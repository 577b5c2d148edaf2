"""The webhook: what is tried again, what is given up, and what waits."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from structlog.testing import capture_logs

from app.budgets.webhook import LONGEST, QUEUE, TRIES, Webhook

URL = "https://hooks.example.com/services/T-fake-secret"
Respond = (
    Callable[[httpx.Request], httpx.Response]
    | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
)


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[Any]]:
    with capture_logs() as kept:
        yield kept


async def _run(webhook: Webhook, texts: Iterable[str], until: asyncio.Event) -> None:
    """Give texts to a webhook, and stop it when the event is set."""
    for text in texts:
        webhook.put(text)
    running = asyncio.create_task(webhook.run())
    await until.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _send(respond: Respond, *texts: str) -> tuple[Counter[str], list[float]]:
    """Send texts; return what became of them, and the pauses."""
    results: Counter[str] = Counter()
    pauses: list[float] = []
    done = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    def count(result: str) -> None:
        results[result] += 1
        if results.total() >= len(texts):
            done.set()

    webhook = Webhook(URL, httpx.MockTransport(respond), sleep=sleep)
    webhook.count = count
    await _run(webhook, texts, done)
    return results, pauses


async def test_texts_are_sent_in_order_as_slack_and_mattermost_take_them() -> None:
    got: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        got.append((request.method, str(request.url), json.loads(request.content)))
        assert request.headers["content-type"] == "application/json"
        return httpx.Response(200)

    results, pauses = await _send(respond, "one", "two · é")
    assert got == [("POST", URL, {"text": "one"}), ("POST", URL, {"text": "two · é"})]
    assert (results, pauses) == ({"sent": 2}, [])


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
async def test_a_server_that_may_recover_is_tried_again_ever_more_rarely(
    status: int, lines: list[Any]
) -> None:
    results, pauses = await _send(lambda _: httpx.Response(status), "text")
    assert results == {"failed": 1}
    assert len(pauses) == TRIES - 1
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST
    assert [line["reason"] for line in lines] == [f"status {status}"]


@pytest.mark.parametrize("status", [301, 302, 400, 403, 404, 410])
async def test_any_other_answer_is_final_and_no_redirect_is_followed(status: int) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == URL
        return httpx.Response(status, headers={"location": "https://elsewhere.example.com/"})

    assert await _send(respond, "text") == ({"failed": 1}, [])


async def test_a_lost_connection_is_tried_again_and_never_names_the_url(lines: list[Any]) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url}")

    results, _ = await _send(respond, "text")
    assert results == {"failed": 1}
    assert "fake" not in str(lines)
    assert "ConnectError" in str(lines)


@pytest.mark.simulated_clock
async def test_a_server_whose_answer_never_becomes_whole_is_given_up(lines: list[Any]) -> None:
    async def respond(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    assert await _send(respond, "text") == ({"failed": 1}, ANY)
    assert [line["reason"] for line in lines] == ["TimeoutError"]


async def test_after_a_failure_the_next_text_is_sent() -> None:
    answers = iter([404, 200])
    results, _ = await _send(lambda _: httpx.Response(next(answers)), "one", "two")
    assert results == {"failed": 1, "sent": 1}


async def test_what_does_not_fit_is_dropped_and_counted() -> None:
    texts = [str(number) for number in range(QUEUE + 5)]
    results, _ = await _send(lambda _: httpx.Response(200), *texts)
    assert results == {"sent": QUEUE, "dropped": 5}


async def _stop(respond: Respond, *texts: str) -> Counter[str]:
    """Stop a webhook whose texts wait for their next try; return what became of them."""
    results: Counter[str] = Counter()
    pausing = asyncio.Event()

    async def sleep(_: float) -> None:
        pausing.set()
        await asyncio.Event().wait()

    webhook = Webhook(URL, httpx.MockTransport(respond), sleep=sleep)
    webhook.count = lambda result: results.update([result])
    await _run(webhook, texts, pausing)
    return results


async def test_what_waits_at_the_end_is_tried_once_more(lines: list[Any]) -> None:
    answers = iter([503, 200, 200])
    assert await _stop(lambda _: httpx.Response(next(answers)), "one", "two") == {"sent": 2}
    assert lines == []


async def test_what_cannot_be_sent_at_the_end_is_counted(lines: list[Any]) -> None:
    assert await _stop(lambda _: httpx.Response(503), "one", "two") == {"dropped": 2}
    assert [(line["log_level"], line["texts"]) for line in lines] == [("warning", 2)]
    assert "fake" not in str(lines)
