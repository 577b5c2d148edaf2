"""The comparison of what a client sends on three ways. The real client: tests/clients."""

import itertools
import json
from dataclasses import dataclass, field

from app.doctor.parity.comparison import Comparison
from app.doctor.parity.observed import HOP_BY_HOP, observed, settled, versions

ID = "0b39e8c9-85f2-4f30-8aa1-3dfa46359b04"
OTHER_ID = "9fd89fcb-ede6-4bd4-bab4-b08165afe951"


@dataclass
class Sent:
    """A request as a simulator received it."""

    headers: list[tuple[bytes, bytes]]
    body: bytes = b'{"model":"m","stream":true}'
    method: str = "POST"
    target: bytes = b"/v1/messages?beta=true"
    kept: list[str] = field(default_factory=list)


def headers(identifier: str = ID, **more: str) -> list[tuple[bytes, bytes]]:
    fields = {
        "User-Agent": "claude-cli/2.1.332 (external)",
        "anthropic-beta": "one,two",
        "X-Session": identifier,
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return [(name.encode(), value.encode()) for name, value in fields.items()]


def compared(direct: list[Sent], base: list[Sent], forward: list[Sent]) -> Comparison:
    ways = {"direct": direct, "base URL": base, "forward": forward}
    return Comparison.of("a client", {way: observed(sent) for way, sent in ways.items()})


def differing(found: Comparison, way: str = "forward") -> list[str]:
    return [row.item for row in found.rows if row.differs(way)]


def test_identifiers_hop_by_hop_fields_and_case_make_no_difference() -> None:
    direct = Sent(headers(Connection="keep-alive", Host="api.anthropic.com"))
    over_http2 = [(name.lower(), value) for name, value in headers(OTHER_ID)]
    found = compared([direct], [direct], [Sent(over_http2)])
    assert found.differences("forward") == 0
    assert differing(found) == []
    assert {"connection", "host"} <= HOP_BY_HOP


def test_every_other_difference_is_found_and_named() -> None:
    direct = [Sent(headers()), Sent(headers())]
    for changed, items in (
        (Sent(headers(x_more="1")), ["order of headers", "header x-more"]),
        (Sent(headers(anthropic_beta="one")), ["beta two"]),
        (Sent([*reversed(headers())]), ["order of headers"]),
        (Sent(headers(), b'{"model":"m","stream":false}'), ["member stream"]),
        (Sent(headers(), b'{"stream":true,"model":"m"}'), ["order of members"]),
        (Sent(headers(), b'{"model":"m"}'), ["order of members", "member stream"]),
    ):
        assert differing(compared(direct, direct, [changed, Sent(headers())])) == items
    missing = compared(direct, direct, direct[:1])
    assert differing(missing)[0] == "request"
    assert missing.differences("base URL") == 0


def test_the_size_of_a_body_is_not_compared_as_a_number_that_is_true() -> None:
    short, long = b'{"a":"x"}', b'{"a":"xx"}'
    true = [Sent(headers(content_length=str(len(body))), body) for body in (short, long)]
    assert differing(compared(true[:1], true[:1], true[1:])) == ["member a"]
    false = Sent(headers(content_length="1"), short)
    assert differing(compared(true[:1], true[:1], [false])) == ["header content-length"]


def test_a_body_that_is_no_object_is_compared_as_a_whole() -> None:
    bodies = [Sent(headers(), body) for body in (b"", b"[1]", b"[2]", b"no JSON", b"\xff")]
    for one in bodies:
        assert differing(compared([one], [one], [one])) == []
    for one, other in itertools.pairwise(bodies):
        assert differing(compared([one], [one], [other])) == ["body"]


def test_a_client_is_called_what_it_calls_itself() -> None:
    other = Sent(headers(User_Agent="curl/8"), target=b"/v1/models")
    assert versions([other, Sent(headers())]) == "claude-cli/2.1.332"
    assert versions([other]) == "an unknown client"


def test_only_what_changes_from_run_to_run_is_left_out() -> None:
    assert settled(f"a {ID} b") == settled(f"a {OTHER_ID.upper()} b")
    assert settled("cch=ceeab; cc_version=2.1") == "cch=<hash>; cc_version=2.1"
    assert settled("claude-opus-5-5 2026-11-27 123") == "claude-opus-5-5 2026-11-27 123"


def test_how_long_a_tool_took_makes_no_difference_but_which_one_does() -> None:
    name = "x_claude_code_prev_tool_durations"
    direct, same, other = (
        [Sent(headers(**{name: value}))] for value in ("Bash=480", "Bash=52", "Read=480")
    )
    assert differing(compared(direct, direct, same)) == []
    assert differing(compared(direct, direct, other)) == [
        "header x-claude-code-prev-tool-durations"
    ]


def test_the_table_and_the_json_say_the_same() -> None:
    direct = [Sent(headers())]
    found = compared(direct, [Sent(headers(anthropic_beta="one"))], direct)
    text, whole = found.table(), json.loads(found.as_json())
    assert text.endswith("Differences from direct: base URL: 1, forward: 0")
    assert next(line for line in text.splitlines() if line.startswith("*")).split() == [
        "*", "beta", "two", "sent", "-", "same",
    ]  # fmt: skip
    assert whole["differences"] == {"base URL": 1, "forward": 0}
    assert len(whole["rows"]) == len(found.rows)
    assert versions(direct) == "claude-cli/2.1.332"


def test_a_long_item_moves_no_column() -> None:
    sent = [Sent(headers(**{"x_" + "long_" * 20: "1"}))]
    *lines, _, _ = compared(sent, sent, sent).table().splitlines()
    assert len({line.rindex("same") for line in lines if line.endswith("same")}) == 1
