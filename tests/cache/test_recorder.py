"""The recorder's memory is bounded, holds no content, and no input makes it slow."""

import gc
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.cache import recorder as recorders
from app.cache.blocks import MOST_BLOCKS
from app.cache.entries import Entries, Entry
from app.cache.evidence import Asked, Counted
from app.cache.members import Unreadable
from app.cache.recorder import Recorder
from app.cache.verdict import REASONS, Evidence, Verdict, decide
from tests.cache.bodies import assistant, body, user
from tests.cache.situations import SITUATIONS
from tests.cache.test_situations import play

COUNTED = Counted(read=0, written=10_500, fresh=3)


def take(
    recorder: Recorder,
    sent: bytes,
    session: int,
    start: float = 0.0,
    counted: Counted = COUNTED,
    **more: Any,
) -> Verdict:
    who = Asked(start=start, credential=1, session=session, hinted=True, **more)
    flight = recorder.begin(who, recorder.read(sent, who, recorder.template(who)))
    recorder.answered(flight, start + 1)
    return recorder.judge(flight, counted, "claude-opus-5-5")


def reachable(root: object) -> list[object]:
    """Return every object that ``root`` leads to, classes and functions excluded."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, type) and not callable(one):
            seen[id(one)] = one
            waiting += gc.get_referents(one)
    return list(seen.values())


def test_a_first_mark_behind_a_request_without_any_had_nothing_to_read() -> None:
    recorder, unmarked = Recorder(), body(user("u1"), mark=None, system_mark=None)
    fresh = Counted(read=0, written=0, fresh=10_503)
    assert take(recorder, unmarked, 1, counted=fresh).reason == "uncached"
    assert take(recorder, body(user("u1"), assistant("a1"), user("u2")), 1, 10).reason == "first"


def test_an_answer_whose_entries_a_later_failure_took_changes_nothing() -> None:
    recorder, sent = Recorder(), body(user("u1"))
    early, late = (Asked(start=start, credential=1, session=1) for start in (0, 10_000))
    slow = recorder.begin(early, recorder.read(sent, early, None))
    recorder.drop(recorder.begin(late, recorder.read(sent, late, None)))
    recorder.answered(slow, 10_001)
    assert take(recorder, sent, 2, 10_002).reason == "first"


def test_no_content_is_kept() -> None:
    recorder = Recorder()
    secret = "a word that nobody else would say"
    messages = [{"role": "user", "content": secret}, assistant(secret), user("u2")]
    take(recorder, body(*messages[:1], system=secret), 1)
    take(recorder, body(*messages, system=secret), 1, 10)
    kept = [one for one in reachable(recorder) if isinstance(one, str | bytes)]
    assert not any("nobody" in str(one) for one in kept)
    assert all(len(one) < 40 for one in kept)


@pytest.mark.parametrize("aside", [True, False])
def test_conversations_are_bounded(aside: bool) -> None:
    recorder = Recorder(conversations=10)
    for session in range(50):
        take(recorder, body(user("u1")), session, float(session), aside=aside)
    assert len(recorder._conversations) == (0 if aside else 10)


def test_blocks_of_all_conversations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "BLOCKS", 100)
    recorder = Recorder()
    for session in range(50):
        take(recorder, body(user("u1")), session)
        take(recorder, body(user("u1"), assistant("a1"), user("u2")), session, 10)
    kept = sum(one.blocks for one in recorder._conversations.values())
    assert kept <= 100
    assert recorder._blocks == kept


def test_entries_are_bounded() -> None:
    entries = Entries(limit=3)
    for key in range(10):
        entries.put(key, Entry(1.0, 1.0, 1.0))
    assert len(entries) == 3
    assert entries.get(9) is not None


def test_a_long_conversation_keeps_few_entries() -> None:
    recorder = Recorder()
    messages = [user("u0")]
    for turn in range(50):
        take(recorder, body(*messages), 1, float(turn))
        messages += [assistant(f"a{turn}", 5), user(f"u{turn}", 5)]
    assert len(recorder._entries) <= 5


@given(st.permutations(range(len(SITUATIONS))))
def test_situations_do_not_disturb_each_other(order: list[int]) -> None:
    """Sessions of other credentials share nothing, whatever came before."""
    recorder = Recorder()
    for number in order[:4]:
        situation = SITUATIONS[number]
        alone = [one and one.reason for one in play(situation)]
        again = play(situation, _Offset(recorder, number))  # type: ignore[arg-type]
        assert [one and one.reason for one in again] == alone


class _Offset:
    """A recorder whose callers have credentials and sessions of their own."""

    def __init__(self, recorder: Recorder, number: int) -> None:
        self._recorder, self._number = recorder, number

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._recorder, name)
        if name not in ("template", "begin", "read"):
            return found

        def call(*arguments: Any) -> Any:
            return found(*(self._moved(one) for one in arguments))

        return call

    def _moved(self, one: Any) -> Any:
        if not isinstance(one, Asked):
            return one
        session = None if one.session is None else hash((one.session, self._number))
        credential = hash((one.credential, self._number))
        return replace(one, credential=credential, session=session)


@pytest.mark.parametrize(
    "message",
    [
        {"content": [{"type": "text", "text": ""}] * (MOST_BLOCKS + 1)},
        {"content": [{f"k{n}": {"cache_control": {}} for n in range(20)}]},
    ],
    ids=["blocks", "marks"],
)
def test_too_much_of_anything_is_refused(message: dict[str, Any]) -> None:
    sent = json.dumps({"messages": [{"role": "user", **message}] * 2}).encode()
    with pytest.raises(Unreadable):
        Recorder().read(sent, Asked(start=0, credential=1), None)


@pytest.mark.parametrize(
    "text",
    [
        '{"cache_control":{"type":"ephemeral",' + '"ephemeral":"ephemeral",' * 9_000 + '"a":{}}}',
        '{"cache_control":' * 5_000 + "{}" + "}" * 5_000,
        "{" + ",".join(f'"cache_control":{{"a":{n}}}' for n in range(10_000)) + "}",
        '{"name":"mcp__' + "a_" * 100_000 + '"}',
        '{"name"' + " " * 200_000 + ':"x"}',
        "[" + "[]," * 60_000 + "[]]",
    ],
    ids=["ephemeral", "nested", "marks", "server", "blanks", "lists"],
)
@pytest.mark.timeout(120)  # seconds, which a quadratic reader would take several times
def test_hostile_text_takes_linear_time(text: str) -> None:
    recorder, who = Recorder(), Asked(start=0, credential=1)
    for name in ("tools", "system", "messages"):
        message = f'{{"role":"user","content":[{text}]}}'
        sent = f'{{"messages":[{message}],"{name}":[{text}]}}'
        try:
            recorder.read(sent.encode(), who, None)
        except Unreadable:
            continue


@given(
    st.builds(
        Evidence,
        read=st.integers(0, 2**40),
        written=st.integers(0, 2**40),
        total=st.integers(0, 2**41),
        expected=st.integers(0, 2**40),
        estimated=st.booleans(),
        marked=st.booleans(),
        known=st.booleans(),
        compaction=st.booleans(),
        same_account=st.booleans(),
        same_model=st.booleans(),
        expired=st.booleans(),
        pending=st.booleans(),
        blocks=st.integers(0, 50),
    )
)
def test_every_evidence_has_a_verdict_and_only_misses_cost(evidence: Evidence) -> None:
    verdict = decide(evidence)
    assert verdict.reason in REASONS
    assert 0 <= verdict.missed <= max(0, evidence.expected - evidence.read)
    if verdict.reason in ("hit", "first", "uncached", "too_small", "unknown"):
        assert verdict.missed == 0
