"""Records of a stream that are not written as the API writes them, and what stays in them."""

import json
from collections import Counter

import pytest

from app.anthropic.records import Record, parse
from app.scrubber.placeholders import Hidden
from app.scrubber.restore.stream import StreamRestorer
from app.scrubber.restore.table import Plan, Table
from tests.scrubber.recognizers import EVERYTHING

SHOWN = "<GITHUB_TOKEN_1>"
PLAN = Plan({SHOWN: Hidden("github_token", "fake\nvalue")}, EVERYTHING)


def record(data: str, name: str = "content_block_delta", *, whole: bool = True) -> Record:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return Record(f"event: {name}\n{lines}\n".encode(), whole=whole)


def delta(text: str, kind: str = "text_delta", member: str = "text") -> str:
    found = {"type": kind, member: text}
    return json.dumps({"type": "content_block_delta", "index": 0, "delta": found})


def block(**members: object) -> Record:
    start = {"type": "content_block_start", "index": 0, "content_block": members}
    return record(json.dumps(start), "content_block_start")


def text_of(raw: bytes) -> str:
    return str(json.loads(parse(raw).data)["delta"]["text"])


@pytest.fixture
def table() -> Table:
    return Table(PLAN)


def test_a_part_of_a_record_goes_on_as_it_is(table: Table) -> None:
    part = record(delta(SHOWN), whole=False)
    assert StreamRestorer(table).feed(part) == part.raw
    assert not table.restored


@pytest.mark.parametrize("written", ["\\ud800", "\\ud800é", "\\uDFFF\\ud83d"])
def test_a_value_is_restored_beside_lone_surrogates(table: Table, written: str) -> None:
    data = delta(f"? {SHOWN} . ").replace("?", written)
    made = StreamRestorer(table).feed(record(data))
    lone = json.loads(f'"{written}"')
    assert text_of(made) == f"{lone} fake\nvalue . "


def test_data_of_several_lines_goes_on_in_one(table: Table) -> None:
    begun = block(type="text", text=SHOWN).raw.replace(b", ", b",\ndata: ")
    made = StreamRestorer(table).feed(Record(begun, whole=True))
    assert (begun.count(b"data: "), made.count(b"data: ")) == (4, 1)
    assert made.endswith(b"\n\n")
    restored = {"type": "text", "text": "fake\nvalue"}
    assert json.loads(parse(made).data)["content_block"] == restored


@pytest.mark.parametrize(
    ("kind", "member"), [("text_delta", "text"), ("input_json_delta", "partial_json")]
)
def test_what_stays_in_a_block_of_upstreams_own_is_counted_once(
    table: Table, kind: str, member: str
) -> None:
    restorer = StreamRestorer(table)
    restorer.feed(block(type="server_tool_use", name="web_search"))
    for piece in (SHOWN[:5], SHOWN[5:], " and then "):
        sent = record(delta(piece, kind, member))
        assert restorer.feed(sent) == sent.raw
    restorer.feed(record('{"type": "content_block_stop", "index": 0}', "content_block_stop"))
    assert table.refused == Counter({"upstream_block": 1})
    assert not table.restored


def said(index: int, text: str, kind: str = "text_delta", member: str = "text") -> Record:
    return record(json.dumps({"index": index, "delta": {"type": kind, member: text}}))


STOP = record('{"type": "content_block_stop", "index": 0}', "content_block_stop")


def test_only_the_text_of_a_delta_is_rewritten_if_another_member_is_written_alike(
    table: Table,
) -> None:
    restorer = StreamRestorer(table)
    assert restorer.feed(record(delta(SHOWN[:9]))) == b""
    made = json.loads(parse(restorer.feed(record(delta("text")))).data)
    assert made == json.loads(delta(f"{SHOWN[:9]}text"))


def test_all_blocks_that_are_held_back_go_on_when_the_stream_ends(table: Table) -> None:
    restorer = StreamRestorer(table)
    for index in (0, 1):
        assert restorer.feed(said(index, SHOWN[:9])) == b""
    made = [parse(one + b"\n\n") for one in restorer.close(b"").split(b"\n\n")[:-1]]
    assert [json.loads(one.data)["index"] for one in made] == [0, 1]
    assert {one.name for one in made} == {b"content_block_delta"}


def test_what_a_block_held_back_goes_on_if_the_next_start_has_its_index(table: Table) -> None:
    restorer = StreamRestorer(table)
    restorer.feed(said(0, f"so {SHOWN[:9]}"))
    again = block(type="text", text="")
    made = restorer.feed(again)
    assert made.endswith(again.raw)
    assert text_of(made.removesuffix(again.raw)) == SHOWN[:9]


def test_a_block_that_has_ended_allows_nothing_in_deltas_after_it(table: Table) -> None:
    restorer = StreamRestorer(table)
    restorer.feed(block(type="tool_use", name="Edit"))
    restorer.feed(STOP)
    late = said(0, f'{{"a": "{SHOWN} "}}', "input_json_delta", "partial_json")
    assert restorer.feed(late) == late.raw


@pytest.mark.parametrize("name", ["message_start", "novelty"])
def test_whole_content_is_restored_in_any_event(table: Table, name: str) -> None:
    content = [{"type": "text", "text": SHOWN}]
    whole = record(json.dumps({"type": name, "message": {"content": content}}), name)
    made = StreamRestorer(table).feed(whole)
    assert json.loads(parse(made).data)["message"]["content"][0]["text"] == "fake\nvalue"
