"""An ended exchange as a span: names, counts, and nothing that is not on the list."""

from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import fields, replace

from app.anthropic.hints import Hints
from app.anthropic.usage import Attempt, Usage
from app.exchange import Exchange, Failure, Outcome, Retry
from app.otel.protobuf import NANO
from app.otel.span import error_type
from tests.otel.decoded import Event, span_of
from tests.otel.entries import TRACED, entry
from tests.telemetry.exchanges import FAILED, SESSION, exchanges

CANARY = "canary content of a prompt"


def test_a_messages_exchange_follows_the_genai_conventions() -> None:
    span = span_of(
        entry(
            requested_model="claude-opus-5-5",
            agent_id="agent-1",
            hints=Hints(agent_type="general-purpose", prompt_id="p1", request_class="main"),
        ),
    )
    assert span.name == "chat claude-opus-5-5"
    assert (span.start, span.end) == (1_790_000_000 * NANO, 1_790_000_004 * NANO)
    assert span.failed is False
    cost = span.attributes["anthropic_proxy.cost_usd"]
    assert span.attributes == {
        "server.address": "api.anthropic.com",
        "server.port": 443,
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "anthropic_proxy.route": "messages",
        "anthropic_proxy.outcome": "complete",
        "anthropic_proxy.request_id": "req_011CTestTestTest",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-opus-5-5",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "claude-opus-5-5",
        "gen_ai.response.finish_reasons": ["end_turn"],
        "gen_ai.response.time_to_first_chunk": 0.41,
        "gen_ai.usage.input_tokens": 41_200,  # the cached ones included
        "gen_ai.usage.cache_read.input_tokens": 40_000,
        "gen_ai.usage.cache_creation.input_tokens": 200,
        "gen_ai.usage.output_tokens": 500,
        "gen_ai.usage.reasoning.output_tokens": 100,
        "gen_ai.conversation.id": SESSION,
        "gen_ai.agent.id": "agent-1",
        "gen_ai.agent.name": "general-purpose",
        "anthropic_proxy.prompt_id": "p1",
        "anthropic_proxy.request_class": "main",
        "anthropic_proxy.cost_usd": cost,
    }


def test_the_journey_is_told_by_events() -> None:
    span = span_of(
        entry(
            attempt_starts=(0.01, 0.2, 0.5),
            retries=(Retry("529", 2, recovered=True),),
            slot_wait=0.05,
            headers_at=0.9,
            longest_byte_gap=1.2,
            longest_client_stall=0.9,
        ),
    )
    name = "anthropic_proxy.{}".format
    assert span.events == (
        Event(name("queue"), 0.01, {"duration": 0.01}),
        Event(name("retry"), 0.2, {"attempt": 2, "reason": "529"}),
        Event(name("retry"), 0.5, {"attempt": 3, "reason": "529"}),
        Event(name("slot"), 0.55, {"duration": 0.05}),
        Event(name("upstream_headers"), 0.9, {"duration": 0.4}),
        Event(name("first_token"), 1.5, {"duration": 1.5}),
        Event(name("stall"), 4.0, {"duration": 1.2, "side": "upstream"}),
    )


@pytest.mark.parametrize(
    ("failure", "said", "closed"),
    [
        (Failure("upstream", "overloaded_error", "529"), "overloaded_error", "overloaded_error"),
        (Failure("upstream", "overloaded_error", "error_event"), *["overloaded_error"] * 2),
        (Failure("upstream", "new_error", "418"), "new_error", "418"),
        (Failure("upstream", "new_error", "error_event"), "new_error", "_OTHER"),
        (Failure("upstream", "odd words of a gateway", "418"), "418", "418"),
        (Failure("upstream", "odd words of a gateway", "error_event"), "_OTHER", "_OTHER"),
        (Failure("upstream", "unknown", "502"), "502", "502"),
        (Failure("upstream", "api_error", "connect_refused"), *["connect_refused"] * 2),
        (Failure("upstream", "timeout_error", "read_timeout"), *["read_timeout"] * 2),
        (Failure("proxy", "overloaded_error", "draining"), "draining", "draining"),
        (Failure("client", "billing_error", "budget"), "budget", "budget"),
        (Failure("upstream", CANARY, CANARY), "_OTHER", "_OTHER"),
    ],
)
def test_a_failure_names_its_type(failure: Failure, said: str, closed: str) -> None:
    failed = entry(FAILED, failure=failure)
    span = span_of(failed)
    assert (span.failed, span.attributes["error.type"]) == (True, said)
    assert error_type(failed.exchange, closed=True) == closed


def test_a_client_that_leaves_is_no_error() -> None:
    span = span_of(entry(outcome=Outcome.CLIENT_ABORT, status=None))
    assert span.failed is False
    assert span.attributes["anthropic_proxy.outcome"] == "client_abort"
    assert not {"error.type", "http.response.status_code"} & span.attributes.keys()


def test_an_answer_that_is_no_stream_has_no_first_chunk() -> None:
    assert "gen_ai.response.time_to_first_chunk" in span_of(entry()).attributes
    assert "gen_ai.response.time_to_first_chunk" not in span_of(entry(streamed=False)).attributes


@pytest.mark.parametrize(("method", "said"), [("GET", "GET"), (CANARY, "_OTHER")])
def test_other_routes_have_no_genai_attributes(method: str, said: str) -> None:
    span = span_of(entry(route="models", method=method, usage=None, billed=()))
    assert span.name == f"{said} models"
    assert not [name for name in span.attributes if name.startswith("gen_ai.")]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("claude-opus-4-5-20251101", "claude-opus-4-5-20251101"),
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5[1m]"),
        (f"{CANARY.replace(' ', '-')}/claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-4-5:canary", "claude-opus-4-5"),
        (CANARY, "other"),
    ],
)
def test_a_model_is_named_as_the_price_list_knows_it(model: str, said: str) -> None:
    span = span_of(entry(requested_model=model, model=model))
    assert span.name == f"chat {said}"
    assert span.attributes["gen_ai.request.model"] == said
    assert span.attributes["gen_ai.response.model"] == said


# Texts of an exchange that are of closed sets.
CLOSED = {"route", "outcome", "usage_missing"}


def _planted() -> Exchange:
    """Return an exchange with the canary in every text that a client or upstream chooses."""
    texts: dict[str, Any] = {
        field.name: CANARY
        for field in fields(Exchange)
        if field.type in ("str", "str | None", str, str | None) and field.name not in CLOSED
    }
    return replace(
        TRACED,
        **texts,
        failure=Failure("upstream", CANARY, CANARY),
        headers={CANARY: CANARY},
        labels={CANARY: CANARY},
        billed=(Attempt(model=CANARY, usage=Usage(), kind=CANARY),),
        restored={CANARY: 1},
        places={CANARY: {CANARY: 1}},
    )


def test_no_content_is_in_a_span() -> None:
    planted = entry(_planted())
    assert b"canary" not in span_of(planted).encoded
    assert planted.exchange.path == planted.exchange.requested_model == CANARY


@given(exchanges)
def test_any_exchange_makes_a_span(exchange: Exchange) -> None:
    span = span_of(entry(exchange))
    assert None not in span.attributes.values()
    assert span.attributes["anthropic_proxy.outcome"] == exchange.outcome.value
    assert span.failed is (exchange.failure is not None)
