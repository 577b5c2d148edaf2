"""How an exchange ends: what happens to it goes in, its outcome comes out."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import errors
from app.errors import ProxyFailure, UpstreamCut, UpstreamSilent
from app.exchange import Outcome
from app.proxy.endings import TABLE, Cause, Ending, State, cause_of, diagram

STARTED, RELAYED = Cause.RESPONSE_STARTED, Cause.RESPONSE_RELAYED
CAUSES = st.lists(st.sampled_from(Cause), max_size=8)


def outcome_of(*causes: Cause, error_event: bool = False) -> Outcome:
    ending = Ending()
    for cause in causes:
        ending.on(cause)
    return ending.finish(error_event=error_event)


@pytest.mark.parametrize(
    ("causes", "outcome"),
    [
        # Nothing was sent
        ([], Outcome.PROXY_ERROR),
        ([Cause.CLIENT_LEFT], Outcome.CLIENT_ABORT),
        ([Cause.DRAIN_ENDED], Outcome.SHUTDOWN),
        ([Cause.SERVER_CANCELLED], Outcome.SHUTDOWN),
        ([Cause.REQUEST_REFUSED], Outcome.CLIENT_ERROR),
        ([Cause.NO_ROOM], Outcome.PROXY_REJECTED),
        ([Cause.NO_SLOT], Outcome.PROXY_TIMEOUT),
        ([Cause.UPSTREAM_FAILED], Outcome.UPSTREAM_ERROR),
        ([Cause.UPSTREAM_TIMED_OUT], Outcome.UPSTREAM_TIMEOUT),
        ([Cause.DEFECT], Outcome.PROXY_ERROR),
        # A response has started
        ([STARTED], Outcome.PROXY_ERROR),
        ([STARTED, Cause.CLIENT_LEFT], Outcome.CLIENT_ABORT),
        ([STARTED, Cause.DRAIN_ENDED], Outcome.SHUTDOWN),
        ([STARTED, Cause.REQUEST_REFUSED], Outcome.CLIENT_ERROR),
        ([STARTED, Cause.RESPONSE_CUT], Outcome.UPSTREAM_ABORT),
        ([STARTED, Cause.RESPONSE_TIMED_OUT], Outcome.UPSTREAM_TIMEOUT),
        ([STARTED, Cause.DEFECT], Outcome.PROXY_ERROR),
        # All of it was relayed: a client may leave, and so may everyone else
        ([STARTED, RELAYED], Outcome.COMPLETE),
        ([STARTED, RELAYED, Cause.CLIENT_LEFT], Outcome.COMPLETE),
        ([STARTED, RELAYED, Cause.DRAIN_ENDED], Outcome.COMPLETE),
        ([STARTED, RELAYED, Cause.SERVER_CANCELLED], Outcome.COMPLETE),
        ([STARTED, RELAYED, Cause.ERROR_EVENT], Outcome.UPSTREAM_ERROR_EVENT),
        # Out of order: a defect
        ([RELAYED], Outcome.PROXY_ERROR),
        ([Cause.RESPONSE_CUT], Outcome.PROXY_ERROR),
        ([STARTED, STARTED], Outcome.PROXY_ERROR),
    ],
    ids=lambda value: ", ".join(value) or "nothing" if isinstance(value, list) else value.value,
)
def test_what_happens_decides_the_outcome(causes: list[Cause], outcome: Outcome) -> None:
    assert outcome_of(*causes) is outcome


@given(CAUSES, CAUSES)
def test_the_first_cause_that_decides_stands(before: list[Cause], after: list[Cause]) -> None:
    ending = Ending()
    decided = [ending.on(cause) for cause in [*before, *after]]

    assert decided.count(True) <= 1
    if True in decided[: len(before)]:
        assert ending.finish(error_event=True) is outcome_of(*before)


@given(CAUSES, st.booleans())
def test_an_exchange_has_one_outcome_however_often_one_asks(
    causes: list[Cause], error_event: bool
) -> None:
    ending = Ending()
    for cause in causes:
        ending.on(cause)
    outcome = ending.finish(error_event=error_event)

    assert outcome in Outcome
    assert ending.finish() is outcome
    assert not any(ending.on(cause) for cause in Cause)


def test_every_outcome_can_be_reached_and_every_cause_leads_somewhere() -> None:
    rows = TABLE.values()
    reached = {target for row in rows for target in row.values()}

    assert {*reached, State.WAITING} == {*Outcome, *State}
    assert {cause for row in rows for cause in row} == set(Cause)
    assert set(TABLE) == set(State)


def test_an_error_event_counts_only_in_a_response_that_was_relayed() -> None:
    assert outcome_of(STARTED, RELAYED, error_event=True) is Outcome.UPSTREAM_ERROR_EVENT
    assert outcome_of(STARTED, Cause.RESPONSE_CUT, error_event=True) is Outcome.UPSTREAM_ABORT
    assert outcome_of(STARTED, Cause.CLIENT_LEFT, error_event=True) is Outcome.CLIENT_ABORT


def test_the_failure_that_the_client_was_told_is_kept_whatever_decided() -> None:
    ending = Ending()
    ending.on(Cause.DRAIN_ENDED)
    ending.fail(errors.Draining("draining", "Message."))

    assert ending.finish() is Outcome.SHUTDOWN
    assert ending.failure is not None
    assert ending.failure.reason == "draining"


OUTCOMES: dict[type[ProxyFailure], Outcome] = {
    errors.BadRequest: Outcome.CLIENT_ERROR,
    errors.Unauthorized: Outcome.CLIENT_ERROR,
    errors.Forbidden: Outcome.CLIENT_ERROR,
    errors.NotFound: Outcome.CLIENT_ERROR,
    errors.Misdirected: Outcome.CLIENT_ERROR,
    errors.OverBudget: Outcome.CLIENT_ERROR,
    errors.ProxyUnauthorized: Outcome.CLIENT_ERROR,
    errors.HeadTooLarge: Outcome.CLIENT_ERROR,
    errors.CodingUnsupported: Outcome.CLIENT_ERROR,
    errors.VersionUnsupported: Outcome.CLIENT_ERROR,
    errors.MethodRefused: Outcome.CLIENT_ERROR,
    errors.RequestTimeout: Outcome.CLIENT_ERROR,
    errors.BodyTooLarge: Outcome.CLIENT_ERROR,
    errors.UpstreamUnreachable: Outcome.UPSTREAM_ERROR,
    errors.UpstreamBroken: Outcome.UPSTREAM_ERROR,
    errors.UpstreamTimeout: Outcome.UPSTREAM_TIMEOUT,
    errors.NoSlot: Outcome.PROXY_TIMEOUT,
    errors.Busy: Outcome.PROXY_REJECTED,
    errors.Draining: Outcome.PROXY_REJECTED,
    errors.NoTunnel: Outcome.PROXY_ERROR,  # it ends no exchange
    errors.InternalError: Outcome.PROXY_ERROR,
}


@pytest.mark.parametrize(("kind", "outcome"), OUTCOMES.items(), ids=str)
def test_each_failure_has_its_outcome(kind: type[ProxyFailure], outcome: Outcome) -> None:
    assert outcome_of(cause_of(kind("reason", "Message."))) is outcome


def test_every_failure_is_in_that_list() -> None:
    assert set(errors.answers()) == set(OUTCOMES)


def test_a_cut_response_is_told_from_a_silent_one() -> None:
    assert cause_of(UpstreamCut()) is Cause.RESPONSE_CUT
    assert cause_of(UpstreamSilent()) is Cause.RESPONSE_TIMED_OUT


def test_the_diagram_has_each_cell_of_the_table_once() -> None:
    arrows = [line.strip() for line in diagram().splitlines() if ": " in line]
    drawn: Sequence[tuple[str, str, str]] = [
        (origin, target, cause)
        for arrow in arrows
        for origin, _, rest in [arrow.partition(" --> ")]
        for target, _, causes in [rest.partition(": ")]
        for cause in causes.split(", ")
    ]
    cells = itertools.chain.from_iterable(
        ((state, target, cause) for cause, target in row.items()) for state, row in TABLE.items()
    )
    assert sorted(drawn) == sorted(cells)
