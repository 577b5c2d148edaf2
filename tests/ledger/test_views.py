"""The ledger as documents: sessions in any order, a session's tree, its requests, days."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.ledger import prompts, views
from app.ledger.reader import reading
from app.ledger.rows import MICRO, NANO
from app.pages.ledger import SCHEMA
from tests.ledger.ledgers import NOON, SESSION, filled, record, store, summing_up

VALIDATOR = jsonschema.Draft202012Validator(
    json.loads(SCHEMA.read_text()), format_checker=jsonschema.FormatChecker()
)
SECOND = 1_000


def _ask(path: Path, view: str, *arguments: Any) -> Any:
    """Return a document, which must keep to the published schema."""
    with reading(path) as reader:
        found = getattr(views, view)(reader, *arguments)
    VALIDATOR.validate(_published(view, found))
    return found


def _published(view: str, found: Any) -> Any:
    """Return a document as the pages serve it, with what the ledger does not have."""
    share = {"window_share": None}
    if view == "requests":
        caches = [one["cache"] for one in found["requests"]]
        tools = [None if one is None else one | {"tool": None} for one in caches]
        pairs = zip(found["requests"], tools, strict=True)
        return found | {"requests": [one | {"cache": tool} for one, tool in pairs]}
    if view == "session":
        return found | share
    if view == "sessions":
        return found | {"sessions": [one | share for one in found["sessions"]]}
    return found


def _pages(path: Path, view: str, *arguments: Any, read: Any = int) -> Iterator[Any]:
    """Yield page after page."""
    before = None
    while True:
        found = _ask(path, view, *arguments, before)
        yield found
        if found["next"] is None:
            return
        before = read(found["next"])


@pytest.mark.parametrize("sort", views.SORTS)
def test_sessions_come_in_every_order_a_page_at_a_time_each_once(path: Path, sort: str) -> None:
    filled(
        path,
        *(
            record(
                session=f"s{n}",
                started=NOON + n * 7 % 5,
                duration=n * 13 % 7 * MICRO,
                cost=n * 3 % 4,
                output=n * 5 % 6,
            )
            for n in (*range(11), 3, 3, 7)
        ),
    )
    with reading(path) as reader:
        whole = views.sessions(reader, 50, None, sort)["sessions"]
        seen, before = [], None
        while True:
            page = views.sessions(reader, 4, before, sort)
            seen += page["sessions"]
            if page["next"] is None:
                break
            before = views.cursor(page["next"])
    assert seen == whole
    values = [
        sum(one["tokens"].values()) if sort == "tokens" else one.get(sort, one["cost_usd"])
        for one in whole
    ]
    assert values == sorted(values, reverse=True)
    assert len({one["session"] for one in whole}) == 11


def test_a_session_says_how_many_agents_it_has(path: Path) -> None:
    filled(path, record(), *(record(agent=agent) for agent in ("a", "b", "a")), record(session="s"))
    found = {one["session"]: one for one in _ask(path, "sessions", 9, None)["sessions"]}
    assert {name: one["agent_count"] for name, one in found.items()} == {SESSION: 2, "s": 0}
    assert _ask(path, "session", SESSION)["agent_count"] == 2


def test_a_ledger_without_sessions_has_none(path: Path) -> None:
    filled(path, record(session=None))
    assert _ask(path, "sessions", 9, None) == {"sessions": [], "next": None}
    with reading(path) as reader:
        assert views.session(reader, SESSION) is None
        assert views.prompts(reader, SESSION, 5, None) is None
        assert views.requests(reader, SESSION, {}, 5, None) is None


def test_a_session_is_a_tree_of_prompts_with_their_agents(path: Path) -> None:
    first = {"prompt": "p1", "started": NOON}
    filled(
        path,
        record(started=NOON - SECOND, request_class="auxiliary", cost=1),
        record(**first, cost=10),
        record(**first | {"started": NOON + 3 * SECOND}, agent="b", agent_type="Plan", cost=5),
        record(
            **first | {"started": NOON + 2 * SECOND},
            agent="a",
            agent_type="Explore",
            parent_agent="b",
            duration=9 * MICRO,
            failed=1,
        ),
        record(**first | {"started": NOON + 4 * SECOND}, cost=20),
        record(prompt="p2", started=NOON + 9 * SECOND, agent="a", agent_type="Explore"),
        record(prompt="p1", session="another"),
    )
    found = _ask(path, "prompts", SESSION, 9, None)
    assert [(one["prompt"], one["number"]) for one in found["prompts"]] == [
        ("p2", 2),
        ("p1", 1),
        (None, None),
    ]
    tree = found["prompts"][1]
    assert [(one["agent"], one["agent_type"], one["parent_agent"]) for one in tree["agents"]] == [
        (None, None, None),
        ("a", "Explore", "b"),
        ("b", "Plan", None),
    ]
    assert (tree["requests"], tree["failed"], tree["agent_count"]) == (4, 1, 2)
    assert tree["cost_usd"] == pytest.approx((10 + 5 + 1_000 + 20) / NANO)
    assert (tree["started"], tree["last"]) == (NOON / 1_000, NOON / 1_000 + 11)
    assert [one["requests"] for one in tree["agents"]] == [2, 1, 1]


def test_prompts_come_a_page_at_a_time_each_once(path: Path) -> None:
    filled(path, *(record(prompt=f"p{n // 2}") for n in range(14)), record())
    pages = list(_pages(path, "prompts", SESSION, 3))
    names = [one["prompt"] for page in pages for one in page["prompts"]]
    assert names == [None, *(f"p{n}" for n in reversed(range(7)))]
    assert [one["number"] for page in pages for one in page["prompts"]] == [None, *range(7, 0, -1)]
    assert len(pages) == 3
    assert _ask(path, "prompts", SESSION, 3, 1)["prompts"] == []


def test_of_a_prompt_with_very_many_agents_the_first_are_listed(path: Path) -> None:
    filled(path, *(record(prompt="p", agent=f"a{n}", started=NOON + n) for n in range(203)))
    (prompt,) = _ask(path, "prompts", SESSION, 3, None)["prompts"]
    assert (prompt["agent_count"], prompt["requests"]) == (203, 203)
    assert [one["agent"] for one in prompt["agents"]] == [f"a{n}" for n in range(200)]


@pytest.mark.parametrize("prompt", ["p", None])
def test_all_agents_count_and_the_first_of_them_are_listed(
    path: Path, monkeypatch: pytest.MonkeyPatch, prompt: str | None
) -> None:
    monkeypatch.setattr(prompts, "MAX_AGENTS", 3)
    late = [
        record(prompt=prompt, agent=f"a{number}", started=NOON - number * SECOND, cost=10)
        for number in range(5)
    ]
    filled(path, *late, record(prompt=prompt, cost=1), record(prompt="another", agent="a9"))
    found = _ask(path, "prompts", SESSION, 9, None)["prompts"][-1]
    assert [one["agent"] for one in found["agents"]] == [None, "a4", "a3"]
    assert (found["prompt"], found["agent_count"], found["requests"]) == (prompt, 5, 6)
    assert found["cost_usd"] == pytest.approx(51 / NANO)
    assert found["started"] == NOON / 1_000 - 4


def test_a_page_has_fewer_prompts_where_they_have_many_agents(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "MOST_LISTED", 5)
    counts = {"p1": 2, "p2": 3, "p3": 9, "p4": 1}
    filled(
        path,
        *(record(prompt=p, agent=f"{p}-{n}") for p, count in counts.items() for n in range(count)),
    )
    pages = list(_pages(path, "prompts", SESSION, 10))
    names = [[one["prompt"] for one in page["prompts"]] for page in pages]
    assert names == [["p4"], ["p3"], ["p2", "p1"]]


def test_of_a_session_with_very_many_agents_the_most_expensive_are_listed(path: Path) -> None:
    filled(path, *(record(agent=f"a{n}", cost=n) for n in range(203)))
    found = _ask(path, "session", SESSION)
    assert [one["agent"] for one in found["agents"]] == [f"a{n}" for n in range(202, 2, -1)]
    assert (found["agent_count"], found["requests"]) == (203, 203)


def test_a_session_says_the_same_when_its_rows_have_been_summed_up(path: Path) -> None:
    agents = (None, "a1", "a2", "a1", None)
    rows = [record(agent=agent, agent_type=agent and "Explore", cost=7) for agent in agents]
    filled(path, *rows, record(session="another", agent="a3"))
    before = _ask(path, "session", SESSION)
    assert before["agent_count"] == 2
    with store(path) as opened, summing_up(3):
        assert opened.sum_up()
    assert _ask(path, "session", SESSION) == before
    filled(path, record(agent="a4"))
    assert _ask(path, "session", SESSION)["agent_count"] == 3


CHOICES: list[tuple[dict[str, str | None], list[int]]] = [
    ({}, [5, 4, 3, 2, 1]),
    ({"prompt": "p"}, [4, 3, 2]),
    ({"prompt": "p", "agent": None}, [4, 2]),
    ({"prompt": "p", "agent": "a"}, [3]),
    ({"prompt": None}, [5, 1]),
    ({"agent": "a"}, [5, 3]),
    ({"prompt": "nobody's"}, []),
]


@pytest.mark.parametrize(("chosen", "ids"), CHOICES)
def test_requests_are_chosen_by_prompt_and_agent(
    path: Path, chosen: dict[str, str | None], ids: list[int]
) -> None:
    filled(
        path,
        record(),
        record(prompt="p"),
        record(prompt="p", agent="a"),
        record(prompt="p"),
        record(agent="a"),
        record(session="another", prompt="p", agent="a"),
    )
    pages = list(_pages(path, "requests", SESSION, chosen, 2))
    assert [one["id"] for page in pages for one in page["requests"]] == ids


def test_a_request_has_all_that_the_ledger_knows(path: Path) -> None:
    filled(
        path,
        record(
            prompt="p",
            agent="a",
            agent_type="Explore",
            failed=1,
            error_source="upstream",
            error_type="api_error",
            error_reason="500",
            tool_time=940_000,
            slot_wait=20_000,
            first_token=700_000,
            cache_verdict="tools_changed",
            cache_kind="tool",
            cache_block=3,
            cache_missed=900,
            cache_miss_cost=NANO,
            cache_saved=-NANO // 2,
            context='{"tools":10,"mcp__words__":5}',
            window_5h_before=250_000,
            window_5h_after=260_000,
            secrets_found=2,
            scrub_skipped="too_large",
            request_id="req_1",
        ),
    )
    (found,) = _ask(path, "requests", SESSION, {}, 5, None)["requests"]
    assert (found["agent_type"], found["model"], found["route"]) == (
        "Explore",
        "claude-opus-5",
        "messages",
    )
    assert found["error"] == {"source": "upstream", "type": "api_error", "reason": "500"}
    timings = {name: taken for name, taken in found["timings"].items() if taken is not None}
    assert timings == {"tool_time": 0.94, "slot_wait": 0.02, "first_token": 0.7}
    assert found["cache"] == {
        "verdict": "tools_changed",
        "kind": "tool",
        "block": 3,
        "missed": 900,
        "miss_cost_usd": 1.0,
        "saved_usd": -0.5,
    }
    assert found["context"] == {"tools": 10, "mcp__words__": 5}
    assert found["windows"]["5h"] == {"before": 0.25, "after": 0.26}
    assert found["secrets"] == {"found": 2, "restored": 0, "skipped": "too_large"}
    assert (found["request_id"], found["duration"], found["streamed"]) == ("req_1", 2.0, False)


@pytest.mark.parametrize(
    ("text", "context"),
    [(None, None), ("{", None), ("[1]", None), ("7", None), ('{"a":1,"b":"x"}', {"a": 1})],
)
def test_a_context_that_is_none_is_left_out(path: Path, text: str | None, context: Any) -> None:
    filled(path, record(context=text))
    (found,) = _ask(path, "requests", SESSION, {}, 5, None)["requests"]
    assert (found["context"], found["cache"], found["error"]) == (context, None, None)


def _at(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[arg-type, misc]


@pytest.mark.usefixtures("zone")
def test_days_are_those_of_this_machine_and_gaps_are_left_out(path: Path) -> None:
    starts = [
        (2025, 12, 31, 22, 59),
        (2026, 10, 24, 22, 1),
        (2026, 10, 25, 22, 59),
        (2026, 10, 25, 23, 0),
        (2026, 11, 1, 12, 0),
    ]
    filled(path, *(record(started=_at(*start)) for start in starts))
    pages = list(_pages(path, "days", 2, read=str))
    counts = [(one["day"], one["requests"]) for page in pages for one in page["days"]]
    assert counts == [("2026-11-01", 1), ("2026-10-26", 1), ("2026-10-25", 2), ("2025-12-31", 1)]


def test_a_ledger_without_rows_has_no_days(path: Path) -> None:
    found = _ask(filled(path), "days", 5, None)
    assert (found["days"], found["next"]) == ([], None)


def test_a_session_says_when_it_was_what_it_is_called_and_what_of_the_windows_is_used(
    path: Path,
) -> None:
    labels = "repo=acme"
    filled(
        path,
        record(labels=labels, window_5h_after=100_000),
        record(labels=labels, started=NOON + SECOND, window_5h_after=250_000),
        record(labels=labels, started=NOON + 2 * SECOND),
        record(session="other", window_5h_after=900_000, window_7d_after=500_000),
        record(session="no-windows"),
    )
    found = _ask(path, "session", SESSION)
    assert (found["started"], found["last"]) == (NOON / 1_000, NOON / 1_000 + 4)
    assert found["labels"] == {"repo": "acme"}
    assert found["windows"] == {"5h": 0.25, "7d": None}
    assert _ask(path, "session", "other")["windows"] == {"5h": 0.9, "7d": 0.5}
    alone = _ask(path, "session", "no-windows")
    assert (alone["windows"], alone["agent_count"]) == ({"5h": None, "7d": None}, 0)


@pytest.mark.usefixtures("zone")
def test_a_page_that_ends_with_the_last_row_has_no_next(path: Path) -> None:
    filled(path, *(record(session=f"s{n}", started=_at(2026, 10, n, 12)) for n in (1, 2, 3)))
    assert _ask(path, "sessions", 3, None)["next"] is None
    assert _ask(path, "sessions", 2, None)["next"] is not None
    assert _ask(path, "days", 3, None)["next"] is None
    assert _ask(path, "days", 2, None)["next"] == "2026-10-02"


@pytest.mark.usefixtures("zone")
def test_the_models_of_a_day_come_by_their_cost_and_then_by_name(path: Path) -> None:
    costs = {"claude-b": 5, "claude-a": 5, "claude-c": 9}
    filled(path, *(record(model=model, cost=cost) for model, cost in costs.items()))
    (day,) = _ask(path, "days", 3, None)["days"]
    assert [one["model"] for one in day["models"]] == ["claude-c", "claude-a", "claude-b"]
