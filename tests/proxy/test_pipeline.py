"""The journey as a playbook: what happens to a request, and what the proxy does then."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchange import Outcome
from tests.proxy.playbook import (
    Attempts,
    Body,
    Chunk,
    ClientGoesOn,
    ClientLeaves,
    ClientStops,
    Closes,
    Command,
    Cuts,
    DrainEnds,
    End,
    Ends,
    Event,
    Explains,
    Fault,
    Head,
    NotProcessed,
    Passes,
    Playbook,
    Records,
    ServerCancels,
    Starts,
    WaitEnds,
)

START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-sonnet-5",'
    b'"usage":{"input_tokens":5,"output_tokens":1}}}\n\n'
)
ERROR = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
)
SENT = (Body(), Attempts())
RELAYING = (*SENT, Head(), Starts(200), Chunk(START), Passes(START))

PLAYS: dict[str, tuple[Event | Command, ...]] = {
    "each chunk goes on at once, and the end after them": (
        *RELAYING,
        Chunk(b"a"),
        Passes(b"a"),
        Chunk(b"b"),
        Passes(b"b"),
        End(),
        Ends(),
        Closes(),
        Records(Outcome.COMPLETE),
    ),
    "an error status passes as it is": (
        *SENT,
        Head(404),
        Starts(404),
        Chunk(b"{}"),
        Passes(b"{}"),
        End(),
        Ends(),
        Closes(),
        Records(Outcome.COMPLETE),
    ),
    "an error event is told from a good end": (
        *RELAYING,
        Chunk(ERROR),
        Passes(ERROR),
        End(),
        Ends(),
        Closes(),
        Records(Outcome.UPSTREAM_ERROR_EVENT),
    ),
    "a client that leaves while it sends ends everything": (
        Body(last=False),
        ClientLeaves(),
        Records(Outcome.CLIENT_ABORT),
    ),
    "a client that leaves before the response ends the attempt": (
        *SENT,
        ClientLeaves(),
        Records(Outcome.CLIENT_ABORT),
    ),
    "a client that leaves in the middle closes upstream's response": (
        *RELAYING,
        ClientLeaves(),
        Closes(),
        Records(Outcome.CLIENT_ABORT),
    ),
    "a client that leaves while it takes nothing closes upstream's response": (
        *RELAYING,
        ClientStops(),
        Chunk(b"a"),
        ClientLeaves(),
        Closes(),
        Records(Outcome.CLIENT_ABORT),
    ),
    "a client that leaves before it has taken the end has a complete response": (
        *RELAYING,
        ClientStops(),
        End(),
        ClientLeaves(),
        ClientGoesOn(),
        Ends(),
        Closes(),
        Records(Outcome.COMPLETE),
    ),
    "a client that stops taking holds the next chunk back": (
        *RELAYING,
        ClientStops(),
        Chunk(b"a"),
        Chunk(b"b"),
        ClientGoesOn(),
        Passes(b"a"),
        Passes(b"b"),
        ClientLeaves(),
        Closes(),
        Records(Outcome.CLIENT_ABORT),
    ),
    "a response that upstream cuts is cut for the client": (
        *RELAYING,
        Fault(),
        Closes(),
        Records(Outcome.UPSTREAM_ABORT),
        Cuts(),
    ),
    "a response that falls silent is cut for the client": (
        *RELAYING,
        Fault(httpx.ReadTimeout),
        Closes(),
        Records(Outcome.UPSTREAM_TIMEOUT),
        Cuts(),
    ),
    "a lost connection is answered for and not retried": (
        *SENT,
        Fault(httpx.ReadError),
        Starts(502),
        Explains(),
        Ends(),
        Records(Outcome.UPSTREAM_ERROR),
    ),
    "a time-out is answered for": (
        *SENT,
        Fault(httpx.ReadTimeout),
        Starts(504),
        Explains(),
        Ends(),
        Records(Outcome.UPSTREAM_TIMEOUT),
    ),
    "a missing slot is answered for": (
        *SENT,
        Fault(httpx.PoolTimeout),
        Starts(529),
        Explains(),
        Ends(),
        Records(Outcome.PROXY_TIMEOUT),
    ),
    "a defect is answered for": (
        *SENT,
        Fault(ZeroDivisionError),
        Starts(500),
        Explains(),
        Ends(),
        Records(Outcome.PROXY_ERROR),
    ),
    "a defect in the middle cuts the response": (
        *RELAYING,
        Fault(ZeroDivisionError),
        Closes(),
        Records(Outcome.PROXY_ERROR),
        Cuts(),
    ),
    "an overloaded upstream is tried again after a wait": (
        *SENT,
        Head(529),
        End(),
        Closes(),
        WaitEnds(),
        Attempts(),
        Head(),
        Starts(200),
        End(),
        Ends(),
        Closes(),
        Records(Outcome.COMPLETE),
    ),
    "a client that leaves in the wait is not sent for again": (
        *SENT,
        Head(529),
        End(),
        Closes(),
        ClientLeaves(),
        Records(Outcome.CLIENT_ABORT),
        WaitEnds(),
    ),
    "what upstream has not processed is sent again": (
        *SENT,
        NotProcessed(),
        WaitEnds(),
        Attempts(),
        ClientLeaves(),
        Records(Outcome.CLIENT_ABORT),
    ),
    "the end of the drain answers a request that waits": (
        *SENT,
        DrainEnds(),
        Starts(503),
        Explains(),
        Ends(),
        Records(Outcome.SHUTDOWN),
    ),
    "the end of the drain cuts a response": (
        *RELAYING,
        DrainEnds(),
        Closes(),
        Records(Outcome.SHUTDOWN),
        Cuts(),
    ),
    "the end of the drain lets a response end that is whole": (
        *RELAYING,
        ClientStops(),
        End(),
        DrainEnds(),
        ClientGoesOn(),
        Ends(),
        Closes(),
        Records(Outcome.COMPLETE),
    ),
    "a server that gives a request up closes upstream's response": (
        *RELAYING,
        ServerCancels(),
        Closes(),
        Records(Outcome.SHUTDOWN),
    ),
}


@pytest.mark.parametrize("steps", PLAYS.values(), ids=PLAYS.keys())
async def test_play(steps: tuple[Event | Command, ...]) -> None:
    await Playbook().plays(*steps)


EVENTS = st.one_of(
    st.builds(Body, last=st.booleans()),
    st.builds(Head, st.sampled_from([200, 404, 500, 529])),
    st.builds(Chunk, st.sampled_from([START, ERROR, b"a"])),
    st.builds(
        Fault,
        st.sampled_from(
            [
                httpx.RemoteProtocolError,
                httpx.ReadError,
                httpx.ReadTimeout,
                httpx.ConnectTimeout,
                httpx.ConnectError,
                httpx.PoolTimeout,
                httpx.LocalProtocolError,
                ZeroDivisionError,
            ]
        ),
    ),
    *(
        st.just(event())
        for event in (
            ClientLeaves,
            ClientStops,
            ClientGoesOn,
            DrainEnds,
            ServerCancels,
            End,
            NotProcessed,
            WaitEnds,
        )
    ),
)
# Most requests get as far as a response; what happens then is any of all.
SCRIPTS = st.tuples(
    st.sampled_from([(), (Body(),), (Body(), Head()), (Body(), Head(), Chunk(START))]),
    st.lists(EVENTS, max_size=8),
).map(lambda both: [*both[0], *both[1]])


@given(SCRIPTS)
def test_every_path_ends_in_exactly_one_outcome(script: list[Event]) -> None:
    asyncio.run(_ends_once(script))


async def _ends_once(script: list[Event]) -> None:
    playbook, before = Playbook(), asyncio.all_tasks()
    await playbook.settle()
    for event in script:
        await playbook.happens(event)
    await playbook.finish()

    (exchange,) = playbook.exchanges
    done = playbook.done
    passed = b"".join(command.data for command in done if isinstance(command, Passes))
    started = [command.status for command in done if isinstance(command, Starts)]
    ended, cut = done.count(Ends()), done.count(Cuts())
    assert len([command for command in done if isinstance(command, Records)]) == 1
    assert len(started) <= 1
    assert ended + cut <= 1
    assert exchange.status == (started[0] if started else None)
    if Explains() not in done:
        assert exchange.bytes_out == len(passed)
    assert exchange.attempts == done.count(Attempts())
    if exchange.outcome in (Outcome.COMPLETE, Outcome.UPSTREAM_ERROR_EVENT):
        assert exchange.attempts
        assert not cut
    if exchange.outcome is Outcome.CLIENT_ABORT:
        assert not ended
    if cut:
        assert started
    # Nothing is left behind.
    assert playbook.admission.active == 0
    assert playbook.held.used == 0
    assert asyncio.all_tasks() <= before
