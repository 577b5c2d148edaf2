"""The scrubber beside the naive way (json.loads, 16 x re.sub on every string, json.dumps).

    python -m benchmarks.scrubber

Both work on the same conversation in the same run: 900 messages, 6.6 MB, 200 secrets. Printed are
the best of a few runs in milliseconds, and the ratios that the project promises: first turn ≥ 11x,
repeated turn ≥ 70x, two new messages < 2 x a repeat. The goal is nearer to `json.loads` alone: a
first turn of 50 ms and a repeated one of 8 ms on a machine where that takes 45 ms. Hostile text
costs at most 0.5 s of processor time per megabyte; `benchmarks.hostile` has more kinds.
"""

import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.scrubber.detect import rules
from app.scrubber.redact.scrubber import Redaction, Scrubber

MESSAGES = 900
SECRETS = 200
BYTES = 6_600_000
HOSTILE_BYTES = 10_000_000
LOADS, FIRST_GOAL, GOAL = 45.0, 50.0, 8.0  # milliseconds, on one machine
LIMIT = 16 * 2**20
RULES = rules.load(file=None)

NAIVE = [
    re.compile(pattern)
    for pattern in (
        r"\bsk-ant-[A-Za-z0-9_-]{16,}",
        r"\bsk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,}",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
        r"\bAIza[A-Za-z0-9_-]{35}",
        r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{14,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
        r"\beyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+",
        r"\b(?:postgres(?:ql)?|mysql|mongodb|redis)://[^:\s]+:[^@\s]+@\S+",
        r"\bBearer\s+[A-Za-z0-9._~+/-]{16,}",
        r"\bBasic\s+[A-Za-z0-9+/=]{8,}",
        r"\bsq[apu]_[a-f0-9]{12,}",
        r"\b11[0-9a-f]{30,32}\b",
        r"\$ANSIBLE_VAULT;[0-9.]+;AES256",
        r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}",
        r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b",
    )
]


def naive(body: bytes) -> bytes:
    """Return the body with every match in every string replaced, built again."""

    def walk(node: Any) -> Any:
        if isinstance(node, str):
            for number, pattern in enumerate(NAIVE):
                node = pattern.sub(f"<SECRET_{number}>", node)
            return node
        if isinstance(node, list):
            return [walk(one) for one in node]
        if isinstance(node, dict):
            return {name: walk(one) for name, one in node.items()}
        return node

    return json.dumps(walk(json.loads(body)), ensure_ascii=False).encode()


def conversation(messages: int) -> dict[str, Any]:
    """Return a request like Claude Code's: source files read through a gutter, and answers."""
    draw = random.Random(7)
    sources = sorted(Path(json.__file__).parent.parent.glob("*.py"))[:60]
    lines = [
        line for source in sources for line in source.read_text("utf-8", "replace").split("\n")
    ]
    contents = []
    for number in range(messages):
        start, size = draw.randrange(len(lines) - 400), 0
        text: list[str] = []
        while size < BYTES // messages - 180:
            line = f"{len(text) + 1:6}→{lines[start + len(text)]}"
            text.append(line)
            size += len(line) + 4
        if (number + 1) * SECRETS // messages > number * SECRETS // messages:
            secret = "".join(draw.choices("abcdefghijkmnopqrstuvwxyzABCDEFGH0123456789", k=36))
            text.insert(len(text) // 2, f"{len(text):6}→TOKEN={'gh' + 'p_'}{secret}")
        contents.append("\n".join(text))
    return {
        "model": "claude",
        "messages": [
            {
                "role": "assistant" if number % 2 else "user",
                "content": [{"type": "text", "text": text}],
            }
            for number, text in enumerate(contents)
        ],
        "system": [{"type": "text", "text": "You are careful."}],
        "tools": [],
    }


def encoded(request: dict[str, Any]) -> bytes:
    """Return a request as a client sends it."""
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()


def scrubber() -> Scrubber:
    """Return a scrubber that has seen nothing yet, but has built its automata."""
    used = Scrubber(
        mode="pseudonymize",
        key=bytes(32),
        rules=RULES,
        clock=time.perf_counter,
        limit=LIMIT,
    )
    used.redact(b'{"messages":["warm"]}', None, "POST")
    return used


def milliseconds(work: Callable[..., object], *arguments: object) -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    work(*arguments)
    return (time.perf_counter() - start) * 1000


def turns() -> None:
    """Compare a first turn, a repeat and a turn with two new messages to the naive way."""
    request = conversation(MESSAGES)
    body = encoded(request)
    longer = [
        encoded(request | {"messages": request["messages"] + extra["messages"][:2]})
        for extra in (conversation(MESSAGES - number) for number in range(1, 6))
    ]
    slow = min(milliseconds(naive, body) for _ in range(2))
    first = afresh(body)
    used = scrubber()
    scrub(used, body)
    copies = [bytes(bytearray(body)) for _ in range(9)]  # each turn comes in memory of its own
    repeat = min(milliseconds(scrub, used, copy) for copy in copies)
    grown = min(milliseconds(scrub, used, turn) for turn in longer)
    redaction = scrub(used, body)
    hits = sum(redaction.report.matches.values())
    parsed = min(milliseconds(json.loads, body) for _ in range(9))
    print(f"body {len(body) / 1e6:.2f} MB, {MESSAGES} messages, {hits} hits")
    print(f"json.loads alone  {parsed:8.1f} ms")
    print(f"naive             {slow:8.1f} ms")
    print(f"first turn        {first:8.1f} ms  {slow / first:6.1f} x faster (promised: 11)")
    print(f"repeated turn     {repeat:8.1f} ms  {slow / repeat:6.1f} x faster (promised: 70)")
    print(f"two new messages  {grown:8.1f} ms  {grown / repeat:6.2f} x a repeat (promised: < 2)")
    for name, taken, goal in (("first turn", first, FIRST_GOAL), ("repeated turn", repeat, GOAL)):
        print(f"{name:17} {taken / parsed:8.2f} x json.loads (goal: {goal / LOADS:.2f})")


def scrub(used: Scrubber, body: bytes) -> Redaction:
    """Return the redaction of a body."""
    redaction = used.redact(body, None, "POST")
    assert redaction.report.skipped is None, redaction.report
    return redaction


def afresh(body: bytes) -> float:
    """Return how long a scrubber takes that has not seen the body."""
    return min(milliseconds(scrub, scrubber(), body) for _ in range(3))


def cost(body: bytes) -> float:
    """Return the processor seconds that a scrubber takes for a megabyte of a body."""
    used = scrubber()
    start = time.thread_time()
    scrub(used, body)
    return (time.thread_time() - start) / len(body) * 1e6


def hostile() -> None:
    """Print what text costs that is made to be slow."""
    print(f"\nhostile text of {HOSTILE_BYTES / 1e6:.0f} MB (promised: at most 0.5 s/MB)")
    for piece in ("plain words ", "sk-", "-----BEGIN ", "eyJ", "@", "://", "a@b.", "Bearer "):
        text = piece * (HOSTILE_BYTES // len(piece))
        body = encoded({"messages": [{"role": "user", "content": text}]})
        print(f"{piece!r:16} {cost(body):8.3f} s/MB")
    depth = 100_000
    text = "plain words " * ((HOSTILE_BYTES - 2 * depth) // len("plain words "))
    nested = f'{{"messages":[{"[" * depth}"{text}"{"]" * depth}]}}'.encode()
    print(f"{'100,000 deep':16} {cost(nested):8.3f} s/MB")


if __name__ == "__main__":
    turns()
    hostile()
