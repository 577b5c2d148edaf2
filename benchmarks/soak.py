"""Hours in minutes: load, faults, attackers and restarts; ends by itself with a table of verdicts.

    make soak MINUTES=5

The proxy runs in a process of its own on loopback, in front of a simulated API; attackers take
turns in another. Every answer is compared with what upstream sent, every body with what upstream
got. After each part of the run the proxy is left alone until its time-outs have passed: whatever it
still holds then has leaked. Exit code 1 if a verdict is bad. Needs Linux (/proc).
"""

import argparse
import asyncio
import itertools
import random
import re
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from app import certificates
from app.certificates import Certificate
from benchmarks import peers, process
from benchmarks.attackers import FLOODS
from benchmarks.process import Process
from benchmarks.resting import listening
from simulator import Simulator
from tests.proxying import simulated

CLIENTS = 8
TURNS = 3  # parts between restarts; the first is the warm-up
PATIENCE = 3  # seconds of the proxy's time-outs for silent bodies and stopped readers
SETTLE = PATIENCE + 4  # seconds that the proxy is left alone before it is measured
ATTACKS = (*FLOODS, "silent_bodies", "stopped_readers")
# Of one stream each: a fault of upstream's connection rightly costs the siblings theirs.
FAULTS = ("", "", "", "", "529", "reset", "error_event", '{"words": 3000}')
SLOPE_LIMIT = 4.0  # MiB a minute, once warm
SLOPE_TIME = 60.0  # seconds: over less, what the allocator keeps is no growth
LAG_LIMIT = 2.0  # seconds that the worst health check may take beside attackers


@dataclass
class Counts:
    """Observations. ``whole`` are answers of 200 since the proxy was started."""

    answers: Counter[str] = field(default_factory=Counter)
    whole: int = 0
    mismatched: list[str] = field(default_factory=list)
    resident: list[tuple[float, float]] = field(default_factory=list)  # seconds, MiB
    leaked: list[str] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy and its ports."""

    process: Process
    port: int
    pages: int


@asynccontextmanager
async def running(
    upstream: Simulator, certificate: Certificate, **others: str
) -> AsyncIterator[Proxy]:
    """Run the proxy, with ``others`` overriding these settings."""
    settings = {
        "UPSTREAM_BASE_URL": upstream.url,
        "BODY_TIMEOUT": str(PATIENCE),
        "WRITE_IDLE": str(PATIENCE),
        "RETRY_BASE_DELAY": "0.05",
        "SHUTDOWN_TIMEOUT": "5",
    } | others
    trusted = ssl.create_default_context(cafile=certificate.ca_file)
    with tempfile.TemporaryDirectory() as name:
        place = peers.Place(peers.free_port(), 0, certificate, Path(name))
        pages = peers.free_port()
        command = peers.ours(place, peers.ROOT, DASHBOARD_PORT=str(pages), **settings)
        with process.running(command, None, log=Path(name) / "log") as started:
            (await listening(place.port, trusted)).close()
            yield Proxy(started, place.port, pages)


async def client(
    number: int,
    proxy: Proxy,
    upstream: Simulator,
    trust: ssl.SSLContext,
    counts: Counts,
    end: float,
) -> None:
    """Ask until ``end``, one request after the other; compare both bodies."""
    dice = random.Random(number)
    url = f"https://127.0.0.1:{proxy.port}"
    async with httpx.AsyncClient(base_url=url, verify=trust, http2=bool(number % 2)) as session:
        for count in itertools.count():
            if time.monotonic() >= end:
                return
            name = f"{proxy.process.child.pid}-{number}-{count}"
            body = b'{"model":"claude-sonnet-4-5","max_tokens":9,"stream":%s,"messages":[%s]}' % (
                dice.choice((b"true", b"false")),
                b'{"role":"user","content":"%s"}' % (b"x" * dice.randrange(200_000)),
            )
            fault = dice.choice(FAULTS)
            await _ask(session, name, body, fault, upstream, counts)


async def _ask(
    session: httpx.AsyncClient,
    name: str,
    body: bytes,
    fault: str,
    upstream: Simulator,
    counts: Counts,
) -> None:
    target = f"/v1/messages?soak={name}"
    headers = {"x-simulate": fault} if fault else {}
    try:
        answer = await session.post(target, content=body, headers=headers, timeout=60)
    except httpx.HTTPError as exc:
        cut = fault == "reset"
        counts.answers["cut as scripted" if cut else f"lost ({type(exc).__name__})"] += 1
        return
    counts.answers[f"{answer.status_code}{' scripted' if fault else ''}"] += 1
    counts.whole += answer.status_code == 200
    seen = [each for each in upstream.received if each.target == target.encode()]
    own = "x-anthropic-proxy-error" in answer.headers
    if own and not fault:
        counts.mismatched.append(f"{name}: {answer.headers['x-anthropic-proxy-error']}")
    elif not own and (not seen or seen[-1].sent != answer.content or seen[-1].body != body):
        counts.mismatched.append(f"{name}: altered")


async def attack(proxy: Proxy, certificate: Certificate, kinds: list[str], end: float) -> None:
    """Let attackers take turns until ``end``."""
    for kind in kinds:
        seconds = min(3.0, end - time.monotonic())
        if seconds <= 0:
            return
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.attackers", kind, str(proxy.port)),
            *(str(certificate.ca_file), str(seconds)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        await process.wait()


async def watch(proxy: Proxy, trust: ssl.SSLContext, counts: Counts, end: float) -> None:
    """Measure once in a while how long a health check takes, and the memory."""
    url = f"https://127.0.0.1:{proxy.port}"
    async with httpx.AsyncClient(base_url=url, verify=trust, timeout=60) as session:
        while time.monotonic() < end:
            started = time.monotonic()
            with suppress(httpx.HTTPError):
                (await session.get("/health")).raise_for_status()
                counts.lags.append(time.monotonic() - started)
            await asyncio.sleep(0.2)


async def settle(proxy: Proxy, before: int, counts: Counts) -> None:
    """Leave the proxy alone; note what it still holds, and whether its sums are ours."""
    await asyncio.sleep(SETTLE)
    async with httpx.AsyncClient(timeout=60) as session:
        text = (await session.get(f"http://127.0.0.1:{proxy.pages}/prometheus")).text
    for name in ("requests_in_progress", 'connections_open{port="proxy"'):
        if (left := _total(text, name)) != 0:
            counts.leaked.append(f"{left:g} {name.partition('{')[0]}")
    if proxy.process.descriptors > before + 20:  # of upstream's pool
        counts.leaked.append(f"{proxy.process.descriptors} descriptors, {before} at the start")
    whole = sum(
        float(value)
        for labels, value in re.findall(
            r"^anthropic_proxy_requests_total\{(.*)\} (\S+)$", text, re.MULTILINE
        )
        if 'status="200"' in labels
        and ('outcome="complete"' in labels or 'outcome="upstream_error_event"' in labels)
    )
    if whole != counts.whole:
        counts.mismatched.append(f"{whole:g} whole answers counted, {counts.whole} received")


def _total(text: str, name: str) -> float:
    """Return the sum of the series whose name and labels begin with ``name``."""
    found = re.findall(rf"^anthropic_proxy_{re.escape(name)}.* (\S+)$", text, re.MULTILINE)
    assert found, name
    return sum(map(float, found))


async def soak(minutes: float, certificate: Certificate, counts: Counts) -> None:
    """Run parts of load until the time is up; restart the proxy between some."""
    trust = ssl.create_default_context(cafile=certificate.ca_file)
    began = time.monotonic()
    whole = 60 * minutes
    part = max(5.0, whole / (2 * TURNS) - SETTLE)
    kinds = itertools.cycle(ATTACKS)
    async with simulated(certificate) as upstream:
        while time.monotonic() - began < whole:
            counts.whole = 0
            counts.resident.append((-1.0, 0.0))  # a start: slopes are of one process
            async with running(upstream, certificate) as proxy:
                before = proxy.process.descriptors
                for turn in range(TURNS):
                    end = time.monotonic() + part
                    attacks = [next(kinds) for _ in range(max(1, int(part // 3)))]
                    await asyncio.gather(
                        attack(proxy, certificate, attacks, end),
                        watch(proxy, trust, counts, end),
                        *(
                            client(number, proxy, upstream, trust, counts, end)
                            for number in range(CLIENTS)
                        ),
                    )
                    await settle(proxy, before, counts)
                    if turn > 0:
                        counts.resident.append((time.monotonic(), proxy.process.resident))


def slope(resident: list[tuple[float, float]]) -> float:
    """Return the steepest growth between two parts of one process, in MiB a minute."""
    steps = itertools.pairwise(resident)
    grown = [
        60 * (later[1] - earlier[1]) / max(SLOPE_TIME, later[0] - earlier[0])
        for earlier, later in steps
        if earlier[0] >= 0 and later[0] >= 0
    ]
    return max(grown, default=0.0)


def verdicts(counts: Counts) -> list[tuple[str, str, bool]]:
    """Return what was promised, what was found, and whether it is good."""
    lost = sum(count for what, count in counts.answers.items() if what.startswith("lost"))
    grown, lag = slope(counts.resident), max(counts.lags, default=0.0)
    sums = [each for each in counts.mismatched if "counted" in each]
    altered = [each for each in counts.mismatched if "counted" not in each]
    peak = max(size for _, size in counts.resident)
    return [
        ("answers", ", ".join(f"{n} {what}" for what, n in counts.answers.most_common()), True),
        ("lost answers", str(lost), lost == 0),
        ("altered or refused", "; ".join(altered[:3]) or "0", not altered),
        ("sums equal the clients'", "; ".join(sums) or "yes", not sums),
        (
            "places, connections, descriptors",
            "; ".join(counts.leaked) or "all back",
            not counts.leaked,
        ),
        ("memory", f"{grown:+.1f} MiB/min at most, {peak:.0f} MiB", grown <= SLOPE_LIMIT),
        ("worst health check", f"{1000 * lag:.0f} ms", lag <= LAG_LIMIT),
    ]


def main() -> int:
    """Soak, print the verdicts, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=5.0)
    minutes = parser.parse_args().minutes
    counts = Counts()
    with tempfile.TemporaryDirectory() as directory:
        certificate = certificates.ensure(Path(directory), ("localhost", "127.0.0.1"))
        asyncio.run(soak(minutes, certificate, counts))
    found = verdicts(counts)
    for what, seen, good in found:
        print(f"{'ok ' if good else 'BAD'}  {what:34} {seen}")
    return 0 if all(good for *_, good in found) else 1


if __name__ == "__main__":
    sys.exit(main())
