"""Text made to be slow: what a scan costs, and how long it holds up the event loop.

    python -m benchmarks.hostile [MEGABYTES] [DETECTORS]

For each kind of body: processor seconds per megabyte (promised: ≤ 0.5), and the longest time that a
task on the event loop had to wait while the body was scanned in the pool (promised: ≤ 20 ms). The
first line is the machine's own: the same with a thread that only counts. With ``+extended`` for the
detectors there are more kinds of bodies.
"""

import asyncio
import gc
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from app.factories.scrubbing import SWITCH
from app.proxy.scan_pool import ScanClock, ScanPool
from app.scrubber.detect import rules
from app.scrubber.redact.scrubber import Scrubber

SECONDS = 5.0  # as the setting's default
COUNTING = 2.0  # seconds
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
BASE64 = CAPITALS + "abcdefghijklmnopqrstuvwxyz0189+/"
KEY = "-----BEGIN RSA PRIVATE KEY-----"
VAULT = "$ANSIBLE_VAULT;1.1;AES256"
DRAW = random.Random(5)

REPEATED = (
    *("plain words ", "-eyJ", "eyJhbGciOi.eyJ.", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln "),
    *("jdbc:a", "jdbc:a passw ", "a@a", "a@b.cc ", "%25a@b.cc", "\x1b[38;2;1;2;3ma@b.cc"),
    *("AKIA" + "IOSFODNN7EXAMPLE ", "Basic dXNlcjpwYXNz ", KEY + " ", KEY + "\n"),
    *(KEY + "\nVersion: 1\n", KEY + "\n" * 40, VAULT + "\n", "postgres://a:b@", "://"),
    *("\\u0041\\/", "<EMAIL_1> ", "\x01"),
)
# What the extended set looks at, as often as it can be.
FOR_EXTENDED = (
    *("password=a ", "a=b;Password=hunter2;", "authorization: token ", "auth: dXNlcjpwYXNz "),
    *("token: aaaaaaaa", "curl -u a:b ", "-u ", "https://a:b@c ", "https://0a1b2c3d4e5f60718@c "),
    *("machine a login b password c ", "machine ", "default login ", "_authToken=abcdef012 "),
    *("aws_secret_key=", "AKIA" + "IOSFODNN7EXAMPLE,", "kind: Secret\ndata:\n  a: aGk=\n"),
    *(
        "data:\n  a: aGk=\n",
        "stringData:\n  a: b\n",
        "data:{",
        "LS0tLS1CRUdJTi",
        "glpat-",
        "xoxb-1",
    ),
    *("s.f3Z9kQw7LxTb2NvR8mYcJd4H ", "AccountKey=", "12345678:AA", "SG.a.b "),
)
NUMBERED: dict[str, Callable[[int], str]] = {
    "distinct e-mails": lambda number: f"u{number}@ex.com ",
    "distinct URLs": lambda number: f"redis://:p4ss{number:06}@h ",
    "distinct AWS keys": lambda _: "AKIA" + _drawn(16, CAPITALS) + " ",
    "distinct placeholders": lambda number: f"<GITHUB_TOKEN_{number}> ",
    "keys with a line": lambda _: f"{KEY}\n{_drawn(64, BASE64)}\n",
    "vaults with a line": lambda _: f"{VAULT}\n{_drawn(64, '0123456789abcdef')}\n",
}
# In messages of 2,400 bytes, each a little different.
SHORT = ("%25a@b.cc", "a@a", "-eyJ", "jdbc:a", "://", "a@b.cc ", KEY + "\n")
SHAPES: dict[str, Callable[[int], bytes]] = {
    "messages": lambda size: json.dumps(
        {
            "messages": [
                {"role": "user", "content": "".join(f"u{at + n}@ex.com " for n in range(180))}
                for at in range(0, size // 15, 180)
            ]
        }
    ).encode(),
    "elements": lambda size: b'{"messages":[' + b",".join([b'"a"'] * (size // 4)) + b"]}",
    "messages of 40 bytes": lambda size: _messages(f"u{n}@ex.com" for n in range(size // 45)),
    "strings": lambda size: (
        b'{"messages":[{"content":[' + b",".join([b'"a@b.cc"'] * (size // 9)) + b"]}]}"
    ),
}


def _drawn(length: int, letters: str) -> str:
    return "".join(DRAW.choices(letters, k=length))


def _text(text: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": text}]}).encode()


def _messages(texts: Iterable[str]) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}).encode()


def bodies(size: int, detectors: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield bodies of about ``size`` bytes, and what they are called."""
    for piece in (*REPEATED, *(FOR_EXTENDED if "extended" in detectors else ())):
        yield repr(piece)[:24], _text(piece * (size // len(json.dumps(piece)[1:-1])))
    for piece in SHORT:
        texts = (f"{n} {piece * (2_400 // len(json.dumps(piece)))}" for n in range(size // 2_500))
        yield f"messages {piece!r}"[:24], _messages(texts)
    for name, piece_of in NUMBERED.items():
        length = len(json.dumps(piece_of(99_999))[1:-1])
        yield name, _text("".join(map(piece_of, range(size // length))))
    for name, made in SHAPES.items():
        yield name, made(size)


async def _lag(
    work: Callable[[], tuple[float, str]], pool: ScanPool
) -> tuple[tuple[float, str], float]:
    """Return what ``work`` returns, and the longest wait of a task on the loop meanwhile."""
    longest = 0.0
    running = asyncio.ensure_future(pool.run(1, work))
    while not running.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - before - 0.001)
    return running.result(), longest


def _scanned(body: bytes, chosen: rules.Rules) -> tuple[float, str]:
    """Return how long the scan of a body takes by the processor's clock, and what came of it."""
    scrubber = Scrubber(
        mode="pseudonymize",
        key=bytes(32),
        rules=chosen,
        clock=time.perf_counter,
        limit=16 * 2**20,
        seconds=SECONDS,
        cpu=ScanClock(),
    )
    start = time.thread_time()
    redaction = scrubber.redact(body, None, "POST")
    return time.thread_time() - start, redaction.report.skipped or ""


def _counted() -> tuple[float, str]:
    end = time.perf_counter() + COUNTING
    next(number for number in itertools.count() if time.perf_counter() > end)
    return 0.0, ""


async def main(size: int, detectors: str) -> None:
    """Print a line for each body."""
    sys.setswitchinterval(SWITCH)
    chosen, pool = rules.load(file=None, detectors=detectors), ScanPool(time.monotonic)
    _scanned(b'{"messages":["warm"]}', chosen)
    gc.collect()
    gc.freeze()
    _, lag = await _lag(_counted, pool)
    print(f"{'a thread that counts':26}            lag {lag * 1000:6.1f} ms")
    for name, body in bodies(size, detectors):
        gc.collect()
        (seconds, skipped), lag = await _lag(partial(_scanned, body, chosen), pool)
        cost = seconds / len(body) * 1e6
        print(f"{name:26} {cost:5.2f} s/MB  lag {lag * 1000:6.1f} ms  {skipped}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(float([*sys.argv, "10"][1]) * 1e6), "".join(sys.argv[2:3])))
