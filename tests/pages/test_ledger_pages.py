"""The ledger's pages: documents that keep to their schema, a page at a time, guarded."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.applications import Starlette

from app.certificates import Certificate
from app.ledger.reader import NoLedger, TooSlow, reading
from app.ledger.schema import VERSION
from app.pages import ledger as pages
from simulator import Simulator
from tests.cache.bodies import TOOLS, body, tool
from tests.ledger.ledgers import NOON, SESSION, attempt, record, store, write
from tests.proxying import DEADLINE, MESSAGE, Running, proxying, until

VALIDATOR = jsonschema.Draft202012Validator(
    json.loads(pages.SCHEMA.read_text()), format_checker=jsonschema.FormatChecker()
)
DAY = 86_400_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def damaged(path: Path) -> Path:
    path.write_bytes(b"anything else" * 100)
    return path


@asynccontextmanager
async def _asking(path: Path | None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=pages.routes(path)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def _get(client: httpx.AsyncClient, where: str) -> Any:
    answer = await client.get(where)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    VALIDATOR.validate(answer.json())
    return answer.json()


async def test_sessions_come_a_page_at_a_time_each_once(path: Path) -> None:
    with store(path) as opened:
        write(
            opened,
            [record(session=f"s{number}", started=NOON + number // 3) for number in range(25)],
        )
    seen: list[str] = []
    async with _asking(path) as client:
        cursor = ""
        while True:
            found = await _get(client, f"/ledger/sessions?limit=10{cursor}")
            seen += [one["session"] for one in found["sessions"]]
            if found["next"] is None:
                break
            cursor = f"&before={found['next']}"
    assert sorted(seen) == sorted(f"s{number}" for number in range(25))
    assert seen[0] == "s24"


async def test_a_session_has_its_totals_agents_and_windows(path: Path) -> None:
    with store(path) as opened:
        write(
            opened,
            [
                record(labels="repo=acme/widgets", window_5h_after=250_000),
                record(agent="a1", agent_type="Explore", cost=2_000_000_000),
                record(session="another"),
            ],
        )
    async with _asking(path) as client:
        found = await _get(client, f"/ledger/sessions/{SESSION}")
        missing = await client.get("/ledger/sessions/nobody%20here")
    assert (found["session"], found["requests"], found["labels"]) == (
        SESSION,
        2,
        {"repo": "acme/widgets"},
    )
    assert found["cost_usd"] == 2.000001
    assert [(one["agent"], one["agent_type"]) for one in found["agents"]] == [
        ("a1", "Explore"),
        (None, None),
    ]
    assert found["windows"] == {"5h": 0.25, "7d": None}
    assert missing.status_code == 404


async def test_requests_of_a_prompt_are_asked_for_and_those_of_none(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record(prompt="p"), record(), record(prompt="p", agent="a")])
    where = f"/ledger/sessions/{SESSION}"
    async with _asking(path) as client:
        asked = {
            query: [
                one["id"] for one in (await _get(client, f"{where}/requests{query}"))["requests"]
            ]
            for query in ("", "?prompt=p", "?prompt=", "?prompt=p&agent=", "?prompt=p&before=3")
        }
        tree = await _get(client, f"{where}/prompts")
    assert list(asked.values()) == [[3, 2, 1], [3, 1], [2], [1], [1]]
    assert [one["prompt"] for one in tree["prompts"]] == [None, "p"]


async def test_the_tool_that_changed_is_named_by_the_page_and_never_stored(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    name = "mcp__github__search"
    said = [{"role": "user", "content": "hello"}]
    bodies = [body(*said), body(*said, tools=[*TOOLS, tool(name, 100)])]
    where = "/ledger/sessions/session-1/requests"
    async with proxying(upstream.url, certificate, state_dir=tmp_path) as proxy:
        async with proxy.client() as client:
            for number, sent in enumerate(bodies, 1):
                headers = {"x-claude-code-session-id": "session-1"}
                await client.post("/v1/messages", content=sent, headers=headers)
                await proxy.ended(number)
        assert await _tools(proxy, where, 2) == [name, None]
    assert name.encode() not in _stored(tmp_path)
    async with proxying(upstream.url, certificate, state_dir=tmp_path) as proxy:
        assert await _tools(proxy, where, 2) == [None, None]


def _stored(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.iterdir())


async def _tools(proxy: Running, where: str, count: int) -> list[str | None]:
    """Return the tools that verdicts name, once the ledger has that many requests."""
    found: list[Any] = []
    async with asyncio.timeout(DEADLINE), httpx.AsyncClient(base_url=proxy.pages_url) as client:
        while len(found) < count:
            found = (await client.get(where)).json().get("requests", [])
    return [one["cache"]["tool"] for one in found]


async def test_days_come_newest_first_with_their_models(path: Path) -> None:
    two = record(attempt("claude-opus-5", cost=1), attempt("claude-haiku-5", cost=2), cost=3)
    with store(path) as opened:
        write(
            opened, [two, *(record(started=NOON - number * DAY, cost=10) for number in range(1, 5))]
        )
    async with _asking(path) as client:
        first = await _get(client, "/ledger/days?limit=3")
        second = await _get(client, f"/ledger/days?limit=3&before={first['next']}")
    listed = [one["day"] for one in (*first["days"], *second["days"])]
    assert len(listed) == 5
    assert listed == sorted(set(listed), reverse=True)
    assert second["next"] is None
    assert first["today"] == datetime.now().astimezone().date().isoformat()
    assert [one["model"] for one in first["days"][0]["models"]] == [
        "claude-haiku-5",
        "claude-opus-5",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "/ledger/sessions?limit=0",
        "/ledger/sessions?limit=501",
        "/ledger/sessions?limit=x",
        "/ledger/sessions?limit=%D9%A7",
        "/ledger/sessions?before=x",
        "/ledger/sessions?before=1-99999999999999999999",
        "/ledger/days?before=yesterday",
        "/ledger/days?before=0001-01-01",
        "/ledger/days?limit=-1",
        "/ledger/sessions?sort=name",
        "/ledger/sessions/s/prompts?before=x",
        "/ledger/sessions/s/prompts?limit=0",
        "/ledger/sessions/s/requests?before=-1",
    ],
)
async def test_a_query_of_no_use_is_refused(path: Path, query: str) -> None:
    with store(path):
        pass
    async with _asking(path) as client:
        answer = await client.get(query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(("limit", "before", "sort"))


async def test_without_a_ledger_it_says_so(path: Path) -> None:
    for where in (None, path):
        async with _asking(where) as client:
            assert (await client.get("/ledger/days")).status_code == 404


async def test_a_file_that_is_no_ledger_is_not_shown(damaged: Path) -> None:
    async with _asking(damaged) as client:
        assert (await client.get("/ledger/sessions")).status_code == 503


class Slow:
    """Stands for a query that takes as long as the test wants."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.running = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.release.wait(DEADLINE)
        with self._lock:
            self.running -= 1
        raise TooSlow


@pytest.fixture
def slow(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """Queries of a ledger that is there are slow."""
    with store(path):
        pass
    query = Slow()
    monkeypatch.setattr(pages, "_ask", query)
    yield query
    query.release.set()


async def test_only_that_many_may_wait(
    path: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "WAITING", 3)
    refused = 12 - pages.AT_ONCE - 3
    async with _asking(path) as client:
        asked = [asyncio.ensure_future(client.get("/ledger/days")) for _ in range(12)]
        await until(lambda: sum(one.done() for one in asked) == refused)
        slow.release.set()
        answers = await asyncio.gather(*asked)
    said = [answer.json()["error"] for answer in answers]
    assert {answer.status_code for answer in answers} == {503}
    assert sum("too many" in error for error in said) == refused
    assert slow.most <= pages.AT_ONCE


async def test_nobody_waits_for_ever(
    path: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PATIENCE", 0.01)
    async with _asking(path) as client:
        asked = [asyncio.ensure_future(client.get("/ledger/days")) for _ in range(pages.AT_ONCE)]
        await until(lambda: slow.running == pages.AT_ONCE)
        late = await client.get("/ledger/days")
        slow.release.set()
        await asyncio.gather(*asked)
    assert (late.status_code, late.json()["reason"]) == (503, "busy")


async def test_a_client_that_leaves_keeps_its_turn_until_its_query_ends(
    path: Path, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PATIENCE", 0.01)
    async with _asking(path) as client:
        asked = [asyncio.ensure_future(client.get("/ledger/days")) for _ in range(pages.AT_ONCE)]
        await until(lambda: slow.running == pages.AT_ONCE)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        late = asyncio.ensure_future(client.get("/ledger/days"))
        await until(lambda: late.done() or slow.running > pages.AT_ONCE)
        slow.release.set()
        assert (await late).json()["reason"] == "busy"
        await until(lambda: not slow.running)
        assert (await client.get("/ledger/days")).json()["reason"] == "unreadable"


async def test_a_ledger_that_the_start_is_about_to_convert_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def looking(*place: Any, **limits: Any) -> Any:
        looks.append(place)
        return reading(*place, **limits)

    monkeypatch.setattr(pages, "CONVERTING", DEADLINE)
    monkeypatch.setattr(pages, "LOOK", 0.01)
    monkeypatch.setattr(pages, "reading", looking)
    with store(path), closing(sqlite3.connect(path, isolation_level=None)) as ledger:
        ledger.execute(f"PRAGMA user_version = {VERSION - 1}")
        async with _asking(path) as client:
            asked = asyncio.ensure_future(client.get("/ledger/days"))
            await until(lambda: len(looks) == 2)
            ledger.execute(f"PRAGMA user_version = {VERSION}")
            assert (await asked).json()["days"] == []


async def test_a_ledger_that_nobody_converts_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "CONVERTING", 0.0)
    with store(path), closing(sqlite3.connect(path, isolation_level=None)) as ledger:
        ledger.execute(f"PRAGMA user_version = {VERSION - 1}")
        async with _asking(path) as client:
            answer = await client.get("/ledger/days")
    assert (answer.status_code, answer.json()["reason"]) == (503, "unreadable")
    assert answer.headers["retry-after"] == "1"


async def test_the_schema_is_published_and_is_one(path: Path) -> None:
    async with _asking(path) as client:
        answer = await client.get("/ledger/schema.json")
    jsonschema.Draft202012Validator.check_schema(answer.json())
    assert answer.headers["content-type"] == "application/schema+json"


async def test_both_ports_serve_them_behind_the_guard(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"state_dir": tmp_path, "pages_token": "fake-token"}
    async with proxying(upstream.url, certificate, **options) as proxy, proxy.client() as client:
        await client.post("/v1/messages", json=MESSAGE)
        await proxy.ended()
        paths = (
            "/ledger/sessions?sort=cost",
            "/ledger/sessions/nobody",
            "/ledger/sessions/nobody/prompts",
            "/ledger/sessions/nobody/requests?prompt=",
            "/ledger/days",
        )
        async with httpx.AsyncClient(base_url=proxy.pages_url) as plain:
            for path in paths:
                for asked in (client, plain):
                    assert (await asked.get(path)).status_code == 401, path
                    strange = {"host": "example.com", "authorization": "Bearer fake-token"}
                    assert (await asked.get(path, headers=strange)).status_code == 403, path
            shown = {"authorization": "Bearer fake-token"}
            await until(lambda: _has_begun(tmp_path / "ledger.sqlite"))
            answers = [await plain.get(path, headers=shown) for path in paths]
        assert [answer.status_code for answer in answers] == [200, 404, 404, 404, 200]
    assert [received.target for received in upstream.received] == [b"/v1/messages"]


def _has_begun(path: Path) -> bool:
    """Return True once rows can be read."""
    try:
        with reading(path):
            return True
    except NoLedger:
        return False
