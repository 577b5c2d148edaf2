"""Every scripted situation gets its verdict, and its price."""

import functools

import pytest

from app.anthropic.prices import Prices
from app.anthropic.usage import Usage
from app.cache.dollars import miss_cost, saved
from app.cache.evidence import Asked, Counted
from app.cache.members import Unreadable
from app.cache.recorder import Flight, Recorder
from app.cache.verdict import REASONS, Verdict
from tests.cache.situations import ANY, SITUATIONS, Situation, Turn

PRICES = Prices.packaged()


def asked(turn: Turn) -> Asked:
    return Asked(
        start=turn.at,
        credential=hash(turn.credential),
        session=None if turn.session is None else hash(turn.session),
        agent=None if turn.agent is None else hash(turn.agent),
        betas=turn.betas,
        hinted=turn.request_class is not None,
        aside=turn.request_class == "auxiliary",
        compaction=turn.compaction is not None,
        compacted=turn.compacted is not None,
    )


def play(situation: Situation, recorder: Recorder | None = None) -> list[Verdict | None]:
    """Send the requests in the order of time; return the verdict on each."""
    recorder = recorder or Recorder()
    flights: dict[int, Flight] = {}
    verdicts: dict[int, Verdict | None] = {}
    steps = [
        (moment, order, number)
        for number, turn in enumerate(situation.turns)
        for order, moment in enumerate((turn.at, turn.at + turn.wait, turn.at + turn.wait + 0.5))
    ]
    for _, order, number in sorted(steps):
        turn = situation.turns[number]
        if order == 0:
            who = asked(turn)
            try:
                read = recorder.read(turn.body, who, recorder.template(who))
            except Unreadable:
                read = None
            flights[number] = recorder.begin(who, read)
        elif turn.status != 200:
            recorder.drop(flights[number])
            verdicts[number] = None
        elif order == 1:
            recorder.answered(flights[number], turn.at + turn.wait)
        else:
            counted = Counted(read=turn.read, written=turn.short + turn.long, fresh=turn.fresh)
            verdicts[number] = recorder.judge(flights[number], counted, turn.model)
    return [verdicts[number] for number in range(len(situation.turns))]


def usage(turn: Turn) -> Usage:
    return Usage(
        input=turn.fresh,
        cache_read=turn.read,
        cache_write_5m=turn.short,
        cache_write_1h=turn.long,
        output=100,
    )


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
def test_each_answer_gets_its_verdict_and_its_price(situation: Situation) -> None:
    for turn, verdict in zip(situation.turns, play(situation), strict=True):
        assert (None if verdict is None else verdict.reason) == turn.reason, verdict
        if verdict is None:
            continue
        if turn.index is not None:
            assert verdict.index == turn.index
        if turn.kind is not None:
            assert verdict.kind == turn.kind
        price = functools.partial(PRICES.cost, model=turn.model)
        actual = price(usage(turn))
        cost = miss_cost(usage(turn), verdict.missed, actual, price)
        if turn.missed == ANY:
            assert verdict.missed > 0
            assert cost is not None
            assert cost > 0
        else:
            assert verdict.missed == turn.missed
            assert cost == pytest.approx(turn.dollars, abs=1e-9)
        if turn.saved is not None:
            uncached = functools.partial(PRICES.uncached, model=turn.model)
            assert saved(usage(turn), actual, uncached) == pytest.approx(turn.saved, abs=1e-9)


def test_every_verdict_is_in_a_situation() -> None:
    seen = {turn.reason for situation in SITUATIONS for turn in situation.turns}
    assert seen - {None} == set(REASONS)
