"""Text that comes in pieces: what waits for the rest, and that nothing else depends on it."""

import json
import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.records import Record
from app.scrubber.restore.sinks import TEXT, Sink
from app.scrubber.restore.stream import StreamRestorer
from app.scrubber.restore.table import Plan, Table
from tests.cases import every_case
from tests.scrubber.recognizers import EVERYTHING
from tests.scrubber.restore.test_restore import PLACEHOLDERS, TOKENS, delta, start, texts

VALUES = PLACEHOLDERS | TOKENS
LONGEST_FIRST = re.compile("|".join(map(re.escape, sorted(VALUES, key=len, reverse=True))))
FOREIGN = frozenset({"GITHUB-TOKEN-2000", "GITHUB-TOKEN-20000"})
TOOL = Sink("send_mail", "tool")
ONE, TEN, THOUSAND = "<GITHUB_TOKEN_1>", "<GITHUB_TOKEN_10>", "GITHUB-TOKEN-1000"

BEGINNINGS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda shown: st.integers(1, len(shown)).map(lambda size: shown[:size])
)
WORDS = st.sampled_from(["word", " ", '"', "\\", "\n", "é", "1", "<", "-", "x" * 600])
PIECES = st.lists(st.sampled_from(sorted(VALUES)) | BEGINNINGS | WORDS, max_size=9)


@given(PIECES, st.lists(st.integers(0, 200), max_size=9), st.booleans())
def test_text_is_restored_the_same_however_it_is_cut(
    pieces: list[str], cuts: list[int], is_input: bool
) -> None:
    text = "".join(pieces)
    written = json.dumps({"x": text}, ensure_ascii=False) if is_input else text
    edges = [0, *sorted(cut for cut in cuts if cut < len(written)), len(written)]
    restorer = StreamRestorer(Table(Plan(VALUES, EVERYTHING)))
    kind = "input_json_delta" if is_input else "text_delta"
    stream = [start(0, "tool_use", name="Edit")] if is_input else []
    stream += [delta(0, kind, written[at:to]) for at, to in pairwise(edges)]
    sent = b"".join(restorer.feed(Record(one, whole=True)) for one in stream)
    made = texts(sent + restorer.close(b"")).get((0, kind), "")
    expected = LONGEST_FIRST.sub(lambda match: VALUES[match[0]].value, text)
    assert (json.loads(made)["x"] if is_input else made) == expected


@every_case(
    "text, goes, sink",
    [
        ("nothing", "nothing", TEXT),
        ("a <", "a ", TEXT),
        ("a <GITHUB_TOK", "a ", TEXT),
        ("a < b", "a < b", TEXT),
        ("a <GITHUB_TOX", "a <GITHUB_TOX", TEXT),
        ("a << and <EMAIL", "a << and ", TEXT),
        (ONE, "", TEXT),
        (f"a {ONE}b", "a ", TEXT),
        (f"a {ONE} b", "a ", TEXT),
        (f"a {ONE} bc", f"a {ONE} bc", TEXT),
        (f"a {ONE}bcd' ", "a ", TEXT),
        (f"a {ONE}bcd' e", f"a {ONE}bcd' e", TEXT),
        (f"{ONE} bc {TEN}", f"{ONE} bc ", TEXT),
        (f"{ONE} bc {TEN} d", f"{ONE} bc ", TEXT),
        (f"{ONE} {TEN} d", "", TEXT),
        (f"{ONE} b<GIT", "", TEXT),
        (f"{ONE} bc<GIT", f"{ONE} bc", TEXT),
        (f"a {ONE}", f"a {ONE}", TOOL),
        (f"a {ONE} <GIT", f"a {ONE} ", TOOL),
        (f"a {THOUSAND}", "a ", TOOL),
        (f"a {THOUSAND}1", f"a {THOUSAND}1", TOOL),
        (f"{THOUSAND}-{THOUSAND}", f"{THOUSAND}-", TOOL),
        ("a GITHUB-TOKEN-2000", "a ", TEXT),
        ("a GITHUB-TOKEN-20000", "a GITHUB-TOKEN-20000", TEXT),
        ("a GITHUB-TOKEN-20000G", "a GITHUB-TOKEN-20000", TEXT),
        (f"{ONE}{'x' * 496}", "", TEXT),
    ],
)
def test_a_placeholder_waits_for_the_end_of_its_word(text: str, goes: str, sink: Sink) -> None:
    table = Table(Plan(VALUES, EVERYTHING, FOREIGN))
    assert table.ready(text, sink) == (len(goes), True)


def test_a_word_that_does_not_end_is_waited_for_up_to_a_limit() -> None:
    table = Table(Plan(VALUES, EVERYTHING))
    word = f"a {ONE}{'x' * 497}"
    assert table.ready(word, TEXT) == (len(word), False)
    assert table.ready(f"{word}<GIT", TEXT) == (len(word), False)
