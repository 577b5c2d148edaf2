"""Scripted situations of the prompt cache: the requests, what each answer read and wrote, and what
the recorder should say about it.

Written before the rules were tuned, from the API's documentation and from what Claude Code 2.1.332
sends. The tools have 6,000 tokens, the system prompt 4,000, a message 500. ``missed`` tokens are
those that could have been read; dollars are those of claude-opus-5-5 (input 4, writes 5 and 8,
read 0.20 per million) unless a turn names another model.
"""

from dataclasses import dataclass, field
from typing import Any

from app.cache.verdict import Reason
from tests.cache.bodies import (
    ATTRIBUTION,
    LONG,
    MODEL,
    SHORT,
    SYSTEM,
    TOOLS,
    assistant,
    block,
    body,
    calls,
    text,
    tool,
    user,
)

SONNET = "claude-sonnet-5-5"
MINUTE, HOUR = 60.0, 3600.0
ANY = -1  # tokens: whatever the estimate is, it is above 0


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One request, and its answer's usage: tokens ``read``, written (``short``, ``long``), fresh.

    It starts ``at`` seconds, the answer begins after ``wait``. ``status`` 0 means that there was
    none. ``index`` and ``kind`` are those of the first block that differs.
    """

    at: float
    body: bytes
    reason: Reason | None
    read: int = 0
    short: int = 0
    long: int = 0
    fresh: int = 3
    missed: int = 0
    dollars: float = 0.0
    saved: float | None = None
    index: int | None = None
    kind: str | None = None
    wait: float = 1.0
    model: str = MODEL
    session: str | None = "session-1"
    agent: str | None = None
    request_class: str | None = "main"
    compaction: str | None = None
    compacted: str | None = None
    credential: bytes = b"key-1"
    betas: bytes = b""
    status: int = 200


@dataclass(frozen=True)
class Situation:
    """A name that is a sentence, and its turns in the order of their starts."""

    name: str
    turns: tuple[Turn, ...] = field(default_factory=tuple)


A, B, C, D = user("u1"), assistant("a1"), user("u2"), assistant("a2")
E, F, G, GO = user("u3"), assistant("a3"), user("u4"), user("go")
FIRST = Turn(at=0, body=body(A), short=10_500, reason="first", saved=-0.0105)
SECOND = Turn(at=10, body=body(A, B, C), read=10_500, short=1_000, reason="hit", saved=0.0389)


def lost(at: float, sent: bytes, reason: Reason, read: int = 0, **more: Any) -> Turn:
    """Return the second turn of a conversation that read less than the 10,500 tokens there were."""
    missed = 10_500 - read
    chosen = {"short": 11_500 - read, "missed": missed, "dollars": missed * 4.8e-6} | more
    return Turn(at=at, body=sent, reason=reason, read=read, **chosen)


def hit(at: float, sent: bytes, read: int, short: int = 1_000, **more: Any) -> Turn:
    return Turn(at=at, body=sent, reason="hit", read=read, short=short, **more)


BUILD = "x-anthropic-billing-header: cc_version=2.1.332.{}; cc_entrypoint=cli;"
REMINDER = block("Rem", 50)
MCP = tool("mcp__github__search", 1_000)
DEFERRED = tool("DeferredToolPlaceholder", 50, defer_loading=True)


def reminded(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "content": [*message["content"], REMINDER]}


def attributed(build: str) -> tuple[dict[str, Any], ...]:
    return ({"type": "text", "text": BUILD.format(build)}, *SYSTEM[1:])


AGENT = (block("Who", 500), block("Sub", 1500))

SITUATIONS = (
    Situation("the first request of a session writes", (FIRST,)),
    Situation("a turn that appends reads what the last one wrote", (FIRST, SECOND)),
    Situation(
        "marks that move and texts that become strings are no change",
        (
            Turn(at=0, body=body(A, {**C, "role": "system"}), short=11_000, reason="first"),
            hit(9, body(A, {**C, "role": "system"}, B, E), read=11_000),
        ),
    ),
    Situation(
        "an attribution that changes with every request is no change",
        (
            Turn(at=0, body=body(A, system=attributed("a")), short=10_500, reason="first"),
            hit(9, body(A, B, C, system=attributed("b")), read=10_500),
        ),
    ),
    Situation(
        "a placeholder of deferred tools that moves is no change",
        (
            Turn(at=0, body=body(A, tools=[*TOOLS, DEFERRED]), short=10_500, reason="first"),
            hit(9, body(A, B, C, tools=[TOOLS[0], DEFERRED, *TOOLS[1:]]), read=10_500),
        ),
    ),
    Situation(
        "a request without a mark is not cached",
        (
            Turn(
                at=0,
                body=body(A, mark=None, system_mark=None),
                fresh=10_500,
                reason="uncached",
                saved=0.0,
            ),
        ),
    ),
    Situation(
        "a conversation below the minimum is not cached",
        (
            Turn(at=0, body=body(user("u1", 40), tools=(), system=""), fresh=40, reason="first"),
            Turn(
                at=9,
                body=body(user("u1", 40), user("a1", 40), user("u2", 40), tools=(), system=""),
                fresh=120,
                reason="too_small",
            ),
        ),
    ),
    Situation(
        "what was too small before is written for the first time",
        (
            Turn(at=0, body=body(user("u1", 90), tools=(), system=""), fresh=90, reason="first"),
            Turn(
                at=9,
                body=body(user("u1", 90), B, C, tools=(), system=""),
                short=1_090,
                reason="first",
            ),
        ),
    ),
    Situation(
        "another model has a cache of its own",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, model=SONNET),
                "model_changed",
                model=SONNET,
                dollars=10_500 * 2.4e-6,
            ),
        ),
    ),
    Situation(
        "the first model's cache is there when it comes back",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, model=SONNET),
                "model_changed",
                model=SONNET,
                dollars=10_500 * 2.4e-6,
            ),
            hit(60, body(A, B, C, D, E), read=10_500, short=2_000),
        ),
    ),
    Situation(
        "a date or [1m] behind the name is the same model",
        (
            FIRST,
            hit(
                9,
                body(A, B, C, model=MODEL + "[1m]"),
                read=10_500,
                model=MODEL + "-20260901",
            ),
        ),
    ),
    Situation(
        "a tool of an MCP server is added",
        (FIRST, lost(9, body(A, B, C, tools=[*TOOLS, MCP]), "tools_changed", index=3, kind="tool")),
    ),
    Situation(
        "a tool is removed",
        (FIRST, lost(9, body(A, B, C, tools=TOOLS[:2]), "tools_changed", index=2, kind="tool")),
    ),
    Situation(
        "all tools are removed",
        (FIRST, lost(9, body(A, B, C, tools=()), "tools_changed", index=0, kind="tool")),
    ),
    Situation(
        "the description of a tool changes",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, tools=[TOOLS[0], tool("Edit", 2001), TOOLS[2]]),
                "tools_changed",
                index=1,
                kind="tool",
            ),
        ),
    ),
    Situation(
        "the order of the tools changes",
        (FIRST, lost(9, body(A, B, C, tools=TOOLS[::-1]), "tools_changed", index=0, kind="tool")),
    ),
    Situation(
        "the system prompt changes",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, system=(*SYSTEM[:2], block("New", 3500))),
                "system_changed",
                index=4,
                kind="system",
            ),
        ),
    ),
    Situation(
        "the system prompt has the time of day in it",
        (
            Turn(
                at=0,
                body=body(A, system=(ATTRIBUTION, block("0.0", 1), SYSTEM[2])),
                short=10_500,
                reason="first",
            ),
            lost(
                60,
                body(A, B, C, system=(ATTRIBUTION, block("1.0", 1), SYSTEM[2])),
                "system_changed",
                index=3,
                kind="system",
            ),
            lost(
                120,
                body(A, B, C, D, E, system=(ATTRIBUTION, block("2.0", 1), SYSTEM[2])),
                "system_changed",
                short=12_500,
                missed=11_500,
                dollars=11_500 * 4.8e-6,
                index=3,
                kind="system",
            ),
        ),
    ),
    Situation(
        "a block is added to the system prompt",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, system=(*SYSTEM, block("New", 10))),
                "system_changed",
                index=5,
                kind="system",
            ),
        ),
    ),
    Situation(
        "a system prompt is a string or a list of one text",
        (
            Turn(at=0, body=body(A, system=text("How", 3500)), short=10_000, reason="first"),
            hit(9, body(A, B, C, system=[block("How", 3500)], system_mark=None), read=10_000),
        ),
    ),
    Situation(
        "an early message is edited",
        (
            FIRST,
            SECOND,
            Turn(
                at=20,
                body=body(user("new"), B, C, D, E),
                read=10_000,
                short=2_500,
                reason="messages_changed",
                missed=1_500,
                dollars=1_500 * 4.8e-6,
                index=5,
                kind="user",
            ),
        ),
    ),
    Situation(
        "a reminder at the end of each request is gone in the next one",
        (
            Turn(at=0, body=body(reminded(A)), short=10_550, reason="first"),
            Turn(
                at=9,
                body=body(A, B, reminded(C)),
                read=10_000,
                short=1_550,
                reason="messages_changed",
                missed=550,
                dollars=550 * 4.8e-6,
                index=6,
                kind="assistant",
            ),
            Turn(
                at=18,
                body=body(A, B, C, D, reminded(E)),
                read=10_000,
                short=2_550,
                reason="messages_changed",
                missed=1_550,
                dollars=1_550 * 4.8e-6,
                index=8,
                kind="assistant",
            ),
        ),
    ),
    Situation(
        "a window slides over the conversation",
        (
            FIRST,
            SECOND,
            Turn(at=20, body=body(A, B, C, D, E), read=11_500, short=1_000, reason="hit"),
            Turn(
                at=30,
                body=body(E, F, G),
                read=10_000,
                short=1_500,
                reason="messages_changed",
                missed=1_500,
                dollars=1_500 * 4.8e-6,
                index=5,
                kind="user",
            ),
        ),
    ),
    Situation(
        "thinking is switched on",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, thinking={"type": "adaptive"}),
                "params_changed",
                read=10_000,
                kind="thinking",
            ),
        ),
    ),
    Situation(
        "the choice of tools is restricted",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, tool_choice={"type": "none"}),
                "params_changed",
                read=10_000,
                kind="tool_choice",
            ),
        ),
    ),
    Situation(
        "the effort of the whole request changes",
        (
            Turn(
                at=0,
                body=body(A, output_config={"effort": "low"}),
                short=10_500,
                reason="first",
            ),
            lost(
                9,
                body(A, B, C, output_config={"effort": "high"}),
                "params_changed",
                kind="effort",
            ),
        ),
    ),
    Situation(
        "the effort of a message is announced by an empty one and costs nothing",
        (
            FIRST,
            hit(
                9,
                body(A, B, {"role": "system", "content": [], "output_config": {"effort": "x"}}, C),
                read=10_500,
            ),
        ),
    ),
    Situation(
        "fast mode is switched on",
        (
            FIRST,
            lost(9, body(A, B, C, speed="fast"), "params_changed", kind="speed"),
        ),
    ),
    Situation(
        "context editing is switched on",
        (
            FIRST,
            lost(
                9,
                body(A, B, C, context_management={"edits": []}),
                "params_changed",
                kind="context_management",
            ),
        ),
    ),
    Situation(
        "a beta feature is switched on",
        (FIRST, lost(9, body(A, B, C), "params_changed", betas=b"new-beta", kind="betas")),
    ),
    Situation(
        "another choice of tools that costs nothing is no miss",
        (FIRST, hit(9, body(A, B, C, tool_choice={"type": "any"}), read=10_500)),
    ),
    Situation(
        "the user comes back after six minutes",
        (FIRST, lost(6 * MINUTE, body(A, B, C), "ttl_expired")),
    ),
    Situation(
        "each request keeps the cache alive",
        (
            FIRST,
            Turn(at=4 * MINUTE, body=body(A, B, C), read=10_500, short=1_000, reason="hit"),
            Turn(at=8 * MINUTE, body=body(A, B, C, D, E), read=11_500, short=1_000, reason="hit"),
        ),
    ),
    Situation(
        "an hour's cache is alive after twenty minutes",
        (
            Turn(
                at=0,
                body=body(A, mark=LONG, system_mark=LONG),
                long=10_500,
                reason="first",
                saved=-0.042,
            ),
            Turn(
                at=20 * MINUTE,
                body=body(A, B, C, mark=LONG, system_mark=LONG),
                read=10_500,
                long=1_000,
                reason="hit",
            ),
        ),
    ),
    Situation(
        "an hour's cache is gone after an hour",
        (
            Turn(
                at=0,
                body=body(A, mark=LONG, system_mark=LONG),
                long=10_500,
                reason="first",
            ),
            Turn(
                at=61 * MINUTE,
                body=body(A, B, C, mark=LONG, system_mark=LONG),
                long=11_500,
                reason="ttl_expired",
                missed=10_500,
                dollars=10_500 * 7.8e-6,
            ),
        ),
    ),
    Situation(
        "the system prompt outlives the messages",
        (
            Turn(
                at=0,
                body=body(A, B, C, system_mark=LONG),
                long=10_000,
                short=1_500,
                reason="first",
            ),
            Turn(
                at=10 * MINUTE,
                body=body(A, B, C, D, E, system_mark=LONG),
                read=10_000,
                short=2_500,
                reason="ttl_expired",
                missed=1_500,
                dollars=1_500 * 4.8e-6,
            ),
        ),
    ),
    Situation(
        "a session is resumed the next day",
        (
            FIRST,
            SECOND,
            lost(
                24 * HOUR,
                body(A, B, C, D, E),
                "ttl_expired",
                short=12_500,
                missed=11_500,
                dollars=11_500 * 4.8e-6,
            ),
        ),
    ),
    Situation(
        "a conversation is compacted and goes on",
        (
            FIRST,
            SECOND,
            Turn(
                at=20,
                body=body(A, B, C, D, user("sum")),
                read=11_500,
                short=1_000,
                reason="compaction",
                request_class="compaction",
                compaction="manual",
            ),
            Turn(
                at=40,
                body=body(user("cut"), E),
                read=10_000,
                short=1_000,
                reason="compaction",
                compacted="manual",
            ),
            hit(50, body(user("cut"), E, F, G), read=11_000),
        ),
    ),
    Situation(
        "a conversation that is cut short without a word reads what is left",
        (
            FIRST,
            SECOND,
            Turn(at=20, body=body(A, B, C, D, E), read=11_500, short=1_000, reason="hit"),
            hit(40, body(user("cut")), read=10_000, short=500),
        ),
    ),
    Situation(
        "the user goes back to an earlier turn",
        (
            FIRST,
            SECOND,
            Turn(at=20, body=body(A, B, C, D, E), read=11_500, short=1_000, reason="hit"),
            hit(40, body(A, B, user("oth")), read=10_500),
        ),
    ),
    Situation(
        "the user goes back, from a prompt that was sent earlier too",
        (
            Turn(at=0, body=body(A, B, GO), short=11_500, reason="first"),
            hit(10, body(A, B, GO, D, GO), read=11_500, short=1_000),
            hit(20, body(A, B, GO, D, GO, D, GO), read=12_500, short=1_000),
            hit(30, body(A, B, GO, D, user("oth")), read=11_500, short=1_000),
        ),
    ),
    Situation(
        "the user edits the last prompt and sends it again",
        (FIRST, SECOND, hit(20, body(A, B, user("oth")), read=10_500)),
    ),
    Situation(
        "two requests with the same prefix start at the same time",
        (
            Turn(at=0, body=body(A), short=10_500, reason="first", wait=3),
            Turn(
                at=1,
                body=body(user("oth")),
                short=10_500,
                reason="concurrent",
                wait=4,
                missed=ANY,
                dollars=ANY,
                agent="agent-2",
                request_class="subagent",
            ),
        ),
    ),
    Situation(
        "a third request finds what the first has written",
        (
            Turn(
                at=0,
                body=body(user("u1"), system=AGENT),
                short=8_500,
                reason="first",
                wait=2,
                agent="agent-1",
                request_class="subagent",
            ),
            Turn(
                at=1,
                body=body(user("u2"), system=AGENT),
                short=8_500,
                reason="concurrent",
                wait=2,
                missed=ANY,
                dollars=ANY,
                agent="agent-2",
                request_class="subagent",
            ),
            hit(
                5,
                body(user("u3"), system=AGENT),
                read=8_000,
                short=500,
                agent="agent-3",
                request_class="subagent",
            ),
        ),
    ),
    Situation(
        "twelve parallel tool calls push the mark out of reach",
        (
            FIRST,
            Turn(
                at=9,
                body=body(A, *calls("c", 12)),
                read=10_000,
                short=1_500,
                reason="lookback",
                missed=500,
                dollars=500 * 4.8e-6,
            ),
        ),
    ),
    Situation(
        "nine parallel tool calls leave the mark within reach",
        (FIRST, hit(9, body(A, *calls("c", 9)), read=10_500)),
    ),
    Situation(
        "nineteen blocks since the last mark are within reach",
        (
            FIRST,
            Turn(
                at=9,
                body=body(A, assistant("a1"), *calls("c", 9)),
                read=10_000,
                short=1_500,
                reason="upstream",
                missed=500,
                dollars=500 * 4.8e-6,
            ),
        ),
    ),
    Situation(
        "fifty tokens of a short prompt are no miss",
        (
            Turn(
                at=0, body=body(user("u1", 1500), tools=(), system=""), short=1_500, reason="first"
            ),
            hit(9, body(user("u1", 1500), B, C, tools=(), system=""), read=1_450, short=1_050),
        ),
    ),
    Situation(
        "a miss after a suggestion without a hint is seen",
        (
            Turn(at=0, body=body(A), short=10_500, reason="first", request_class=None),
            hit(5, body(A, B, user("sug")), read=10_500, request_class=None),
            Turn(
                at=9,
                body=body(A, B, C),
                read=10_000,
                short=1_500,
                reason="upstream",
                missed=500,
                dollars=500 * 4.8e-6,
                request_class=None,
            ),
        ),
    ),
    Situation(
        "ten parallel tool calls are one too many",
        (
            FIRST,
            Turn(
                at=9,
                body=body(A, *calls("c", 10)),
                read=10_000,
                short=1_500,
                reason="lookback",
                missed=500,
                dollars=500 * 4.8e-6,
            ),
        ),
    ),
    Situation(
        "nothing differs, and nothing was read",
        (FIRST, lost(9, body(A, B, C), "upstream")),
    ),
    Situation(
        "nothing differs, and only a part was read",
        (
            FIRST,
            SECOND,
            Turn(
                at=20,
                body=body(A, B, C, D, E),
                read=10_000,
                short=2_500,
                reason="upstream",
                missed=1_500,
                dollars=1_500 * 4.8e-6,
            ),
        ),
    ),
    Situation(
        "a missing handful of tokens is no miss",
        (FIRST, hit(9, body(A, B, C), read=10_440, short=1_060)),
    ),
    Situation(
        "an answer that reads more than was known is a hit",
        (FIRST, hit(9, body(A, B, C), read=11_200, short=300)),
    ),
    Situation(
        "an error leaves nothing to read",
        (
            Turn(at=0, body=body(A), status=529, reason=None),
            Turn(at=2, body=body(A), short=10_500, reason="first"),
        ),
    ),
    Situation(
        "an error between two turns changes nothing",
        (
            FIRST,
            Turn(at=5, body=body(user("oth"), tools=()), status=400, reason=None),
            SECOND,
        ),
    ),
    Situation(
        "the title of a session disturbs nothing",
        (
            FIRST,
            Turn(
                at=2,
                body=body(user("ttl"), tools=(), system="Write a title.", model=SONNET, mark=None),
                model=SONNET,
                fresh=510,
                reason="uncached",
                request_class="auxiliary",
            ),
            SECOND,
        ),
    ),
    Situation(
        "a side request without a hint disturbs nothing",
        (
            Turn(at=0, body=body(A), short=10_500, reason="first", request_class=None),
            Turn(
                at=2,
                body=body(user("ttl"), tools=(), system="Write a title.", model=SONNET),
                model=SONNET,
                fresh=510,
                reason="first",
                request_class=None,
            ),
            hit(9, body(A, B, C), read=10_500, request_class=None),
        ),
    ),
    Situation(
        "a suggestion reads the conversation and disturbs nothing",
        (
            FIRST,
            hit(5, body(A, B, user("sug")), read=10_500, request_class="auxiliary"),
            SECOND,
        ),
    ),
    Situation(
        "a suggestion without a hint disturbs nothing",
        (
            Turn(at=0, body=body(A), short=10_500, reason="first", request_class=None),
            hit(5, body(A, B, user("sug")), read=10_500, request_class=None),
            hit(9, body(A, B, C), read=10_500, request_class=None),
            hit(19, body(A, B, C, D, E), read=11_500, request_class=None),
        ),
    ),
    Situation(
        "a new session reads the system prompt of the last one",
        (FIRST, hit(60, body(user("oth")), read=10_000, short=500, session="session-2")),
    ),
    Situation(
        "a new session after ten minutes is the first again",
        (
            FIRST,
            Turn(
                at=10 * MINUTE,
                body=body(user("oth")),
                short=10_500,
                reason="first",
                session="session-2",
            ),
        ),
    ),
    Situation(
        "a fork reads what its origin has written",
        (FIRST, hit(9, body(A, B, C), read=10_500, session="session-2")),
    ),
    Situation(
        "other credentials share nothing",
        (
            FIRST,
            Turn(
                at=9,
                body=body(A, B, C),
                short=11_500,
                reason="first",
                session="session-2",
                credential=b"key-2",
            ),
        ),
    ),
    Situation(
        "a login as somebody else cannot be judged",
        (FIRST, lost(9, body(A, B, C), "unknown", missed=0, dollars=0.0, credential=b"key-2")),
    ),
    Situation(
        "a subagent has a conversation of its own",
        (
            FIRST,
            Turn(
                at=3,
                body=body(user("sub"), system=AGENT, tools=TOOLS[:1]),
                short=4_500,
                reason="first",
                agent="agent-1",
                request_class="subagent",
            ),
            SECOND,
            hit(
                12,
                body(user("sub"), B, C, system=AGENT, tools=TOOLS[:1]),
                read=4_500,
                agent="agent-1",
                request_class="subagent",
            ),
        ),
    ),
    Situation(
        "a client of another make caches automatically",
        (
            Turn(
                at=0,
                body=body(A, mark=None, system_mark=None, cache_control=SHORT),
                short=10_500,
                reason="first",
                session=None,
                request_class=None,
            ),
            hit(
                9,
                body(A, B, C, mark=None, system_mark=None, cache_control=SHORT),
                read=10_500,
                session=None,
                request_class=None,
            ),
            lost(
                18,
                body(A, B, C, D, E, mark=None, system_mark=None, cache_control=SHORT, system=""),
                "system_changed",
                short=12_500,
                missed=11_500,
                dollars=11_500 * 4.8e-6,
                index=3,
                kind="system",
                session=None,
                request_class=None,
            ),
        ),
    ),
    Situation(
        "a body that cannot be read cannot be judged",
        (Turn(at=0, body=b'{"model": "claude', short=10_500, reason="unknown"),),
    ),
    Situation(
        "after a restart of the proxy a full read is a hit",
        (hit(0, body(A, B, C, D, E), read=11_500),),
    ),
    Situation(
        "a tool changes while the user is away",
        (
            FIRST,
            lost(
                9 * MINUTE,
                body(A, B, C, tools=[*TOOLS, MCP]),
                "tools_changed",
                index=3,
                kind="tool",
            ),
        ),
    ),
    Situation(
        "tools, system prompt and first message change at once",
        (
            FIRST,
            lost(
                9,
                body(user("new"), B, C, tools=TOOLS[::-1], system=AGENT),
                "tools_changed",
                index=0,
                kind="tool",
            ),
        ),
    ),
    Situation(
        "an image is appended",
        (
            FIRST,
            hit(
                9,
                body(
                    A,
                    B,
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": "iVBORw0K" * 20_000,
                                },
                            },
                            block("see", 10),
                        ],
                    },
                ),
                read=10_500,
                short=2_100,
            ),
        ),
    ),
)
