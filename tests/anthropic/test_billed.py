"""Which attempts of an answer are billed, and to which model."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.anthropic.intake import Intake
from app.anthropic.prices import Prices
from app.anthropic.tap import Tap
from app.anthropic.usage import Attempt, Usage
from tests.anthropic.answers import ENCODERS, chunkings, event, stream
from tests.cases import every_case
from tests.thorough import scaled

PRICES = Prices.packaged()
SONNET, OPUS, FABLE = "claude-sonnet-4-6", "claude-opus-4-8", "claude-fable-5"
JSON, SSE = "application/json", "text/event-stream"


def iteration(kind: str, model: str | None = None, **counts: Any) -> dict[str, Any]:
    """Return an entry of the list; counts by the API's short names."""
    named = {} if model is None else {"model": model}
    return {"type": kind, **named, **said(**counts)}


def said(
    input: int = 0,  # noqa: A002 - the API's word
    output: int = 0,
    read: int = 0,
    write: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """Return a usage object."""
    return {
        "input_tokens": input,
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": write,
        **more,
    }


def answer(usage: Any, model: str = SONNET, stop: str = "end_turn") -> bytes:
    message = {"type": "message", "model": model, "stop_reason": stop, "usage": usage}
    return json.dumps(message).encode()


def billed(body: bytes, kind: str = JSON, encoding: str | None = None) -> tuple[Attempt, ...]:
    tap = Tap(Intake(kind, encoding))
    tap.feed(body)
    tap.finish()
    return tap.billed


def by_model(attempts: tuple[Attempt, ...]) -> dict[str | None, tuple[int, ...]]:
    """Return input, output, reads and both kinds of writes for each model."""
    sums: dict[str | None, tuple[int, ...]] = {}
    for one in attempts:
        used = one.usage
        counts = used.input, used.output, used.cache_read, used.cache_write_5m, used.cache_write_1h
        before = sums.get(one.model, (0,) * 5)
        sums[one.model] = tuple(a + b for a, b in zip(before, counts, strict=True))
    return sums


def cost(attempts: tuple[Attempt, ...]) -> float:
    return sum(sum((PRICES.price(one) or {}).values()) for one in attempts)


CASES: dict[str, tuple[Any, str, dict[str | None, tuple[int, ...]]]] = {
    "an advisor is also billed, to its own model": (
        said(7, 60, 1000)
        | {
            "iterations": [
                iteration("message", input=3, output=20, read=400),
                iteration("advisor_message", OPUS, input=10_000, output=100),
                iteration("message", input=4, output=40, read=600),
            ]
        },
        SONNET,
        {SONNET: (7, 60, 1000, 0, 0), OPUS: (10_000, 100, 0, 0, 0)},
    ),
    "an advisor of the same model is in no total either": (
        said(7, 60) | {"iterations": [iteration("advisor_message", SONNET, input=5, output=1)]},
        SONNET,
        {SONNET: (12, 61, 0, 0, 0)},
    ),
    "an attempt that gave up in mid-output is billed to its own model": (
        said(5, 200, 3000)
        | {
            "iterations": [
                iteration("message", FABLE, input=5, output=30, write=3000),
                iteration("fallback_message", OPUS, input=5, output=200, read=3000),
            ]
        },
        OPUS,
        {OPUS: (5, 200, 3000, 0, 0), FABLE: (5, 30, 0, 3000, 0)},
    ),
    "zeros in the totals do not erase what the attempt that answered used": (
        said(0, 200)
        | {
            "iterations": [
                iteration("message", FABLE, input=5, output=30, write=3000),
                iteration("fallback_message", OPUS, input=6, output=200, read=3000, write=9),
            ]
        },
        OPUS,
        {OPUS: (6, 200, 3000, 9, 0), FABLE: (5, 30, 0, 3000, 0)},
    ),
    "an attempt that was declined before any output is free": (
        said(5, 200)
        | {
            "iterations": [
                iteration("message", FABLE, input=5, write=3000),
                iteration("fallback_message", OPUS, input=5, output=200),
            ]
        },
        OPUS,
        {OPUS: (5, 200, 0, 0, 0)},
    ),
    "of several fallbacks the last one is in the totals": (
        said(5, 200)
        | {
            "iterations": [
                iteration("message", FABLE, input=5, output=1),
                iteration("fallback_message", OPUS, input=6, output=2),
                iteration("fallback_message", SONNET, input=5, output=200),
            ]
        },
        SONNET,
        {SONNET: (5, 200, 0, 0, 0), FABLE: (5, 1, 0, 0, 0), OPUS: (6, 2, 0, 0, 0)},
    ),
    "a compaction goes to the answering model": (
        said(5, 20)
        | {
            "iterations": [
                iteration(
                    "compaction",
                    input=100,
                    output=10,
                    write=30,
                    cache_creation={"ephemeral_1h_input_tokens": 20},
                )
            ]
        },
        SONNET,
        {SONNET: (105, 30, 0, 10, 20)},
    ),
    "an unknown type is billed to the model that it names": (
        said(5, 20) | {"iterations": [iteration("oracle_message", OPUS, input=9, output=8)]},
        SONNET,
        {SONNET: (5, 20, 0, 0, 0), OPUS: (9, 8, 0, 0, 0)},
    ),
    "an advisor that names no model is billed to none": (
        said(5, 20) | {"iterations": [iteration("advisor_message", input=9, output=8)]},
        SONNET,
        {SONNET: (5, 20, 0, 0, 0), None: (9, 8, 0, 0, 0)},
    ),
    "an unknown type without a model is taken to be in the totals": (
        said(5, 20) | {"iterations": [iteration("oracle_message", input=9, output=8)]},
        SONNET,
        {SONNET: (5, 20, 0, 0, 0)},
    ),
    "odd entries are passed over": (
        said(5, 20) | {"iterations": [None, 7, [], {}, {"type": 3}]},
        SONNET,
        {SONNET: (5, 20, 0, 0, 0)},
    ),
}


@pytest.mark.parametrize(("usage", "model", "expected"), CASES.values(), ids=CASES)
def test_each_attempt_is_billed_by_the_table(
    usage: Any, model: str, expected: dict[str | None, tuple[int, ...]]
) -> None:
    assert by_model(billed(answer(usage, model))) == expected


@every_case("usage, model, expected", CASES)
@pytest.mark.parametrize("encoding", ENCODERS)
def test_a_stream_is_billed_as_the_whole_answer_is(
    encoding: str | None, usage: Any, model: str, expected: dict[str | None, tuple[int, ...]]
) -> None:
    del model  # the start of a stream names the requested one
    last = next(iter(expected))
    first = FABLE if FABLE in expected else last
    start = said(1, 1, write=7 if first != last else 0)
    sent = b"".join(
        [
            event("message_start", message={"type": "message", "model": first, "usage": start}),
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": "x"}),
            event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage),
            event("message_stop"),
        ]
    )
    assert by_model(billed(ENCODERS[encoding](sent), SSE, encoding)) == expected


def test_an_unknown_type_is_told() -> None:
    tap = Tap(Intake(JSON, None))
    tap.feed(answer(CASES["an unknown type is billed to the model that it names"][0]))
    assert tap.finish().usage_missing == "unknown_iteration"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (said(500, 0), {}),
        (said(500, 1), {SONNET: (500, 1, 0, 0, 0)}),
        (
            said(500, 0) | {"iterations": [iteration("advisor_message", OPUS, input=9, output=8)]},
            {OPUS: (9, 8, 0, 0, 0)},
        ),
        (
            said(500, 0) | {"iterations": [iteration("compaction", input=9, output=8)]},
            {SONNET: (9, 8, 0, 0, 0)},
        ),
    ],
)
def test_a_refusal_before_any_output_is_free(
    usage: Any, expected: dict[str | None, tuple[int, ...]]
) -> None:
    assert by_model(billed(answer(usage, stop="refusal"))) == expected


SHARED: dict[str, tuple[Any, str, float]] = {
    "an advisor": (CASES["an advisor is also billed, to its own model"][0], SONNET, 0.053721),
    "a fallback": (
        CASES["an attempt that gave up in mid-output is billed to its own model"][0],
        OPUS,
        0.045575,
    ),
}


@pytest.mark.parametrize(("usage", "model", "dollars"), SHARED.values(), ids=SHARED)
def test_the_sum_is_in_dollars_what_the_list_says(usage: Any, model: str, dollars: float) -> None:
    assert cost(billed(answer(usage, model))) == pytest.approx(dollars, abs=1e-12)


def test_a_tier_goes_by_the_prompt_of_each_request_to_the_model() -> None:
    haiku = "claude-haiku-5-5"
    parts = [iteration("message", input=60_000, output=1) for _ in range(2)]
    usage = said(120_000, 2)
    assert cost(billed(answer(usage | {"iterations": parts}, haiku))) == pytest.approx(
        120_000 * 0.10e-6 + 2 * 0.50e-6
    )
    # Where the parts do not add up, nobody can say: the whole counts as one prompt.
    assert cost(billed(answer(usage | {"iterations": parts[:1] * 3}, haiku))) == pytest.approx(
        120_000 * 0.50e-6 + 2 * 2.50e-6
    )


def test_a_tier_goes_by_the_prompt_of_each_compaction_of_a_refused_answer() -> None:
    parts = [iteration("compaction", input=60_000, output=1) for _ in range(2)]
    refused = answer(said(9, 0) | {"iterations": parts}, "claude-haiku-5-5", "refusal")
    assert cost(billed(refused)) == pytest.approx(120_000 * 0.10e-6 + 2 * 0.50e-6)


# Generated announcements against an independent reading of the rule

NUMBER = st.none() | st.sampled_from([0, 0, 1]) | st.integers(0, 200_000)
MODELS = [SONNET, OPUS, FABLE, "claude-opus-4-5"]
COUNTS = {
    "input_tokens": NUMBER,
    "output_tokens": NUMBER,
    "cache_read_input_tokens": NUMBER,
    "cache_creation_input_tokens": NUMBER,
}
SPLIT = st.none() | st.fixed_dictionaries(
    {}, optional={"ephemeral_5m_input_tokens": NUMBER, "ephemeral_1h_input_tokens": NUMBER}
)
ITERATION = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "compaction", "advisor_message", "unheard_of"])},
    optional={**COUNTS, "cache_creation": SPLIT, "model": st.sampled_from(MODELS)},
).filter(lambda one: one["type"] != "advisor_message" or "model" in one)
START = st.fixed_dictionaries(
    {"input_tokens": st.integers(0, 200_000), "output_tokens": st.integers(1, 4)},
    optional={
        "cache_read_input_tokens": NUMBER,
        "cache_creation_input_tokens": NUMBER,
        "cache_creation": SPLIT,
        "speed": st.sampled_from([None, "standard", "fast"]),
        "inference_geo": st.sampled_from([None, "global", "us"]),
    },
)
DELTA = st.fixed_dictionaries(
    {},
    optional={**COUNTS, "iterations": st.none() | st.lists(ITERATION, max_size=4)},
)


@st.composite
def shuffled(draw: st.DrawFn, objects: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Return an object whose members are in any order."""
    made = draw(objects)
    return dict(draw(st.permutations(list(made.items()))))


def merged(announced: list[dict[str, Any]]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the last counts, and the last split of cache writes."""
    last: dict[str, int] = {}
    split: dict[str, int] = {}
    for usage in announced:
        for name in COUNTS:
            value = usage.get(name)
            if value is not None and (value > 0 or name == "output_tokens" or name not in last):
                last[name] = value
        parts = usage.get("cache_creation") or {}
        if sum(value or 0 for value in parts.values()) or not split:
            split |= {name: value for name, value in parts.items() if value is not None}
    return last, split


def reference(model: str, announced: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Return tokens and dollars by model and kind, straight from the rule; no fallbacks."""
    last, split = merged(announced)
    words = announced[0]
    attempts: list[dict[str, Any]] = next(
        (one["iterations"] for one in announced[::-1] if one.get("iterations")), []
    )
    sums: dict[tuple[str, str], float] = {}

    def book(who: str, counts: dict[str, Any], parts: dict[str, Any], *, fast: bool) -> None:
        rates = PRICES.models[who]
        factor = (rates.fast if fast else 1) * (
            rates.us if words.get("inference_geo") == "us" else 1
        )
        written = counts.get("cache_creation_input_tokens")
        hour = parts.get("ephemeral_1h_input_tokens") or 0
        short = parts.get("ephemeral_5m_input_tokens") or 0
        if written is not None:
            hour = min(hour, written)
            short = written - hour
        for kind, tokens in {
            "input": counts.get("input_tokens") or 0,
            "output": counts.get("output_tokens") or 0,
            "cache_read": counts.get("cache_read_input_tokens") or 0,
            "cache_write_5m": short,
            "cache_write_1h": hour,
        }.items():
            dollars = tokens * getattr(rates, kind) * factor / 1e6
            for key, amount in (((who, kind), tokens), ((who, f"$ {kind}"), dollars)):
                sums[key] = sums.get(key, 0) + amount

    fast = words.get("speed") == "fast"
    book(model, last, split, fast=fast)
    for one in attempts:
        parts = one.get("cache_creation") or {}
        if one["type"] == "compaction":
            book(one.get("model") or model, one, parts, fast=fast)
        elif one["type"] != "message" and one.get("model"):
            book(one["model"], one, parts, fast=False)
    return {key: amount for key, amount in sums.items() if amount}


def booked(attempts: tuple[Attempt, ...]) -> dict[tuple[str, str], float]:
    sums: dict[tuple[str, str], float] = {}
    kinds = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")
    for one in attempts:
        assert one.model is not None
        dollars = PRICES.price(one)
        assert dollars is not None
        for kind in kinds:
            for key, amount in (
                ((one.model, kind), getattr(one.usage, kind)),
                ((one.model, f"$ {kind}"), dollars[kind]),
            ):
                sums[key] = sums.get(key, 0) + amount
    return {key: amount for key, amount in sums.items() if amount}


# In full, 1,500 answers of 2 to 5 announcements: over 5,000 in all.
@settings(max_examples=scaled(600, 60), suppress_health_check=list(HealthCheck))
@given(
    model=st.sampled_from(MODELS),
    start=shuffled(START),
    deltas=st.lists(shuffled(DELTA), max_size=3),
    final=st.integers(0, 9_000),
    data=st.data(),
)
def test_generated_announcements_are_billed_as_an_independent_reading_says(
    model: str,
    start: dict[str, Any],
    deltas: list[dict[str, Any]],
    final: int,
    data: st.DataObject,
) -> None:
    announced = [start, *deltas, {"output_tokens": final}]
    encoding = data.draw(st.sampled_from([None, "gzip", "br"]))
    sent = ENCODERS[encoding](
        b"".join(
            [
                event("message_start", message={"type": "message", "model": model, "usage": start}),
                *(event("message_delta", delta={}, usage=usage) for usage in deltas),
                event(
                    "message_delta",
                    delta={"stop_reason": "end_turn"},
                    usage={"output_tokens": final},
                ),
            ]
        )
    )
    at = data.draw(st.integers(0, len(sent)))
    tap = Tap(Intake(SSE, encoding))
    tap.feed(sent[:at])
    tap.feed(sent[at:])
    tap.finish()
    expected = reference(model, announced)
    found = booked(tap.billed)
    assert set(found) == set(expected)
    for key, amount in expected.items():
        assert found[key] == pytest.approx(amount, rel=1e-12)


@given(data=st.data())
def test_what_a_cut_stream_is_billed_never_shrinks_as_more_of_it_comes(
    data: st.DataObject,
) -> None:
    whole = stream(deltas=[{"output_tokens": 900}])
    tap, before = Tap(Intake(SSE, None)), 0
    for chunk in data.draw(chunkings(whole)):
        tap.feed(chunk)
        output = sum(one.usage.output for one in tap.billed)
        assert output >= before
        before = output
    assert not any(one.estimated for one in tap.billed)


# Streams that end early

ENGLISH = Path(__file__).parents[2] / "README.md"


def test_a_stream_that_ends_early_has_a_floor_of_four_characters_a_token() -> None:
    deltas = [
        {"type": "text_delta", "text": "\u00e9" * 10},
        {"type": "thinking_delta", "thinking": "x" * 10},
        {"type": "input_json_delta", "partial_json": '{"a":"\\n"' + " " * 11},
        {"type": "signature_delta", "signature": "y" * 500},
        {"type": "citations_delta", "citation": {"cited_text": "z" * 500}},
        7,
    ]
    sent = event("message_start", message={"model": SONNET, "usage": said(9, 2)})
    sent += b"".join(event("content_block_delta", index=0, delta=one) for one in deltas)
    (attempt,) = billed(sent, SSE)
    assert attempt == Attempt(model=SONNET, usage=Usage(input=9, output=10), estimated=True)


def test_after_a_fallback_the_floor_is_the_other_models() -> None:
    text = [
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": "x" * count})
        for count in (40, 400)
    ]
    block = {"type": "fallback", "from": {"model": FABLE}, "to": {"model": OPUS}}
    sent = b"".join(
        [
            event("message_start", message={"model": FABLE, "usage": said(9, 2)}),
            text[0],
            event("content_block_start", index=1, content_block=block),
            text[1],
        ]
    )
    assert by_model(billed(sent, SSE)) == {FABLE: (9, 10, 0, 0, 0), OPUS: (0, 100, 0, 0, 0)}
    assert all(one.estimated for one in billed(sent, SSE))


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens"])
def test_an_announcement_before_the_last_is_no_last_word(field: str) -> None:
    sent = stream(deltas=[])
    sent += event("message_delta", delta={"stop_reason": None}, usage={field: 7})
    (attempt,) = billed(sent, SSE)
    assert attempt.estimated
