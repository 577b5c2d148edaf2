"""The cache recorder's reports, as metrics and in the ledger's row."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from msgspec.structs import replace as changed

from app.anthropic.usage import Attempt, Usage
from app.cache.report import CacheReport
from app.cache.verdict import MISSES, REASONS, Verdict
from app.ledger.rows import NANO
from tests.telemetry.exchanges import PLAIN, billed, record, recorded, telemetry, value
from tests.telemetry.test_ledger_rows import _records

MISS = CacheReport(
    Verdict("tools_changed", expected=40_000, missed=1_200, index=3, kind="tool"),
    {"tools": 30_000, "mcp__github__": 1_200, "messages": 10_000},
    41_200,
)
HIT = CacheReport(Verdict("hit", expected=40_000))
WRITTEN = billed(PLAIN, usage=Usage(input=200, output=5, cache_write_5m=1_000))
FULL = billed(PLAIN, usage=Usage(input=1_000, cache_read=40_000, cache_write_5m=200))


def test_every_reason_starts_at_0() -> None:
    observer = telemetry()
    assert {value(observer, "cache_verdicts_total", reason=reason) for reason in REASONS} == {0}
    costs = {value(observer, "cache_miss_cost_usd_total", reason=reason) for reason in MISSES}
    assert costs == {0}


def test_a_miss_is_counted_and_priced_by_its_reason() -> None:
    observer = recorded(replace(FULL, cache=MISS), replace(FULL, cache=HIT), FULL)
    assert value(observer, "cache_verdicts_total", reason="tools_changed") == 1
    assert value(observer, "cache_verdicts_total", reason="hit") == 1
    cost = value(observer, "cache_miss_cost_usd_total", reason="tools_changed")
    assert cost == pytest.approx(200 * 4.8e-6 + 1_000 * 3.8e-6)  # writes first, then plain input
    assert value(observer, "cache_miss_cost_usd_total", reason="hit") is None


def test_a_model_without_a_price_has_a_verdict_and_no_cost() -> None:
    observer = recorded(billed(FULL, model="unheard-of", cache=MISS))
    assert value(observer, "cache_verdicts_total", reason="tools_changed") == 1
    assert value(observer, "cache_miss_cost_usd_total", reason="tools_changed") == 0


@pytest.mark.parametrize(("advisor", "times"), [(PLAIN.model, 2), ("unheard-of", 0)])
def test_an_advisor_saves_too_and_without_its_price_nothing_is_known(
    advisor: str, times: int
) -> None:
    usage = Usage(input=1_000, cache_read=40_000)
    own = Attempt(model=PLAIN.model, usage=usage)
    other = Attempt(model=advisor, usage=usage, kind="advisor_message")
    alone = recorded(replace(FULL, billed=(own,), cache=HIT))
    both = recorded(replace(FULL, billed=(own, other), cache=HIT))
    saved = value(alone, "cache_saved_usd_total")
    assert saved
    assert value(both, "cache_saved_usd_total") == pytest.approx(times * saved)


def test_savings_are_counted_once_the_writes_are_paid_for() -> None:
    observer = recorded(replace(WRITTEN, cache=HIT))
    assert value(observer, "cache_saved_usd_total") == 0
    record(observer, replace(FULL, cache=HIT))
    earned = 40_000 * 3.8e-6 - 200 * 1e-6 - 1_000 * 1e-6
    assert value(observer, "cache_saved_usd_total") == pytest.approx(earned)


@given(st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 10**5)), max_size=8))
def test_savings_never_fall(usages: list[tuple[int, int]]) -> None:
    observer, before = telemetry(), 0.0
    for read, written in usages:
        usage = Usage(cache_read=read, cache_write_5m=written)
        record(observer, replace(billed(PLAIN, usage=usage), cache=HIT))
        now = value(observer, "cache_saved_usd_total")
        assert now is not None
        assert now >= before
        before = now


@pytest.mark.parametrize(
    ("said", "agree", "disagree"),
    [
        ("tools_changed", 1, 0),
        ("messages_changed", 0, 1),
        ("previous_message_not_found", 0, 0),
        (None, 0, 0),
    ],
)
def test_the_apis_own_diagnosis_is_compared_where_both_see_a_change(
    said: str | None, agree: int, disagree: int
) -> None:
    observer = recorded(replace(FULL, cache=MISS, cache_miss_reason=said))
    assert value(observer, "cache_verdict_agreement_total", result="agree") == agree
    assert value(observer, "cache_verdict_agreement_total", result="disagree") == disagree


def test_a_hit_is_not_held_against_the_apis_diagnosis() -> None:
    observer = recorded(replace(FULL, cache=HIT, cache_miss_reason="tools_changed"))
    assert value(observer, "cache_verdict_agreement_total", result="disagree") == 0


@pytest.mark.parametrize(
    ("received", "same", "different"),
    [(None, 0, 0), (MISS.verdict, 1, 0), (HIT.verdict, 0, 1)],
)
def test_a_scrubber_that_causes_a_miss_is_counted(
    received: Verdict | None, same: int, different: int
) -> None:
    observer = recorded(replace(FULL, cache=changed(MISS, received=received)))
    assert value(observer, "scrub_cache_verdicts_total", result="same") == same
    assert value(observer, "scrub_cache_verdicts_total", result="different") == different


def test_the_ledger_keeps_the_verdict_the_dollars_and_the_context(tmp_path: Path) -> None:
    ((row, _), (plain, _)) = _records(tmp_path, replace(FULL, cache=MISS), FULL)
    assert (row.cache_verdict, row.cache_kind, row.cache_block) == ("tools_changed", "tool", 3)
    assert row.cache_missed == 1_200
    assert row.cache_miss_cost == round((200 * 4.8e-6 + 1_000 * 3.8e-6) * NANO)
    assert row.cache_saved == round((40_000 * 3.8e-6 - 200 * 1e-6) * NANO)
    assert json.loads(row.context or "") == MISS.fill
    assert (plain.cache_verdict, plain.cache_miss_cost, plain.context) == (None, None, None)
