"""What a detector finds at a place, and which of overlapping findings counts."""

import re
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.scrubber.detect import dense
from app.scrubber.detect.dense import Effort
from app.scrubber.detect.detector import Detector
from app.scrubber.detect.hits import Cluster, Hit, first_come, hit_at
from app.scrubber.detect.scan import Scanner
from app.scrubber.json.spans import Span

WORD = Detector(name="word", pattern=re.compile(rb"[a-z]+"), examples=())
TOKEN = Detector(
    name="token",
    pattern=re.compile(rb"t-[0-9]{4}"),
    run=re.compile(rb"[a-z0-9-]++"),
    examples=(),
)
CHOICE = Detector(name="choice", pattern=re.compile(rb"a|(b)"), group=1, examples=())
BLOCK = Detector(name="block", pattern=re.compile(rb".+"), parts=bytes.split, examples=())
RANKS = {"token": 0, "word": 1, "block": 2}


def cluster(text: bytes) -> Cluster:
    return Cluster(text, Span(0, len(text)), Effort.unlimited())


def found(hits: list[Hit]) -> list[tuple[int, int, str]]:
    return [(hit.start, hit.end, hit.detector.name) for hit in hits]


def test_a_group_that_took_no_part_in_the_match_is_no_secret() -> None:
    assert hit_at(b"a", 0, 1, CHOICE) is None
    assert hit_at(b"b", 0, 1, CHOICE) == Hit(0, 1, CHOICE, b"b", None)


def test_a_run_that_is_no_match_is_looked_at_once() -> None:
    looked = cluster(b"t-12x t-1234")
    for start in (0, 3, 6):
        looked.look(start, (TOKEN,))
    assert found(looked.hits) == [(6, 12, "token")]
    assert looked._ends["token"] == 12


def test_a_place_without_what_a_detector_begins_with_says_nothing_about_the_next() -> None:
    looked = cluster(b" t-1234")
    looked.look(0, (TOKEN,))
    looked.look(1, (TOKEN,))
    assert found(looked.hits) == [(1, 7, "token")]


def test_what_begins_in_a_hidden_stretch_and_leaves_it_is_hidden_up_to_its_end() -> None:
    text = b"abcdefgh ij"
    hiding = cluster(text)
    assert found([*hiding.hide(0, 4)]) == [(0, 4, dense.NAME)]
    [rest] = hiding.leaving(2, (TOKEN, WORD))
    assert rest == Hit(4, 8, WORD, b"efgh", None)
    assert (hiding.first, hiding.end) == (8, 8)
    assert not [*hiding.leaving(6, (WORD,))], "it is hidden by now"


class Stretch:
    """Candidates of a text whose first bytes are hidden."""

    def __init__(self, *candidates: tuple[int, tuple[Detector, ...]], end: int) -> None:
        self.head = candidates[0]
        self.hidden = 0
        self.ends = deque([end])
        self.effort = Effort.unlimited()
        self._candidates = candidates

    def before(self, _: int) -> Iterator[tuple[int, tuple[Detector, ...]]]:
        return iter(self._candidates)


def test_a_scan_hides_a_stretch_and_what_leaves_it_and_looks_at_the_rest() -> None:
    text = b"some. other. things here"
    candidates = Stretch((0, ()), (6, (WORD,)), (13, (WORD,)), end=8)
    hits = [*Scanner([WORD]).hits(text, candidates, Span(0, len(text)))]  # type: ignore[arg-type]
    assert found(hits) == [(0, 8, dense.NAME), (8, 11, "word"), (13, 19, "word")]


HITS = st.lists(
    st.builds(
        lambda start, size, detector: Hit(start, start + size, detector, b"", None),
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from([WORD, TOKEN, BLOCK]),
    ),
    max_size=8,
)


@given(HITS)
def test_of_overlapping_hits_one_of_the_highest_priority_stays(hits: list[Hit]) -> None:
    kept = first_come(hits, RANKS)
    assert all(before.end <= after.start for before, after in pairwise(kept))

    def rank(hit: Hit) -> int:
        return -1 if hit.detector is BLOCK else RANKS[hit.detector.name]

    for hit in hits:
        touched = [one for one in kept if one.start < hit.end and hit.start < one.end]
        assert hit in kept or any(rank(one) <= rank(hit) for one in touched)


SECRET_TEXT = b"abcde12345fghij67890klmno12345pqrst67890uv"
EMAIL = Detector(name="email", tier="identifier", pattern=re.compile(rb".+"), examples=())


def in_text(start: int, end: int, detector: Detector) -> Hit:
    return Hit(start, end, detector, SECRET_TEXT[start:end], None)


IN_TEXT = st.lists(
    st.builds(
        lambda start, size, detector: in_text(start, start + size, detector),
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from([WORD, TOKEN, EMAIL]),
    ),
    max_size=8,
)


@given(IN_TEXT)
@example([in_text(0, 8, TOKEN), in_text(4, 16, EMAIL)])
def test_of_a_secret_that_overlaps_another_nothing_is_left_but_a_joint(hits: list[Hit]) -> None:
    kept = first_come(hits, {"token": 0, "word": 1, "email": 2})
    assert all(before.end <= after.start for before, after in pairwise(kept))
    hidden = {at for one in kept for at in range(one.start, one.end)}
    for hit in hits:
        left = "".join(" " if at in hidden else "x" for at in range(hit.start, hit.end))
        assert hit.detector is EMAIL or "x" * 5 not in left
    assert all(SECRET_TEXT[one.start : one.end] == one.escaped for one in kept)


@pytest.mark.parametrize(
    ("before", "password", "behind", "hidden"),
    [
        (b"amqp://words:", b"secret1-t-1234-secret2", b"@words/words", 3),
        (b"amqp://words:", b"1-t-1234-2", b"@words/words", 1),
        (b"amqp://words:", b"pw", b"@words/t-1234", 2),
        (b"amqp://pw:", b"pw", b"@words/pw?t-1234", 2),
        (b"jdbc:db2://words?pw=1&password=", b"pw", b";t-1234", 2),
        (b"jdbc:oracle:thin:words/", b"pw", b"@t-1234", 2),
    ],
)
def test_of_a_url_only_what_is_left_of_its_password_is_hidden(
    before: bytes, password: bytes, behind: bytes, hidden: int
) -> None:
    url = before + password + behind
    at = url.find(b"t-1234")
    hits = [Hit(0, len(url), WORD, url, password), Hit(at, at + 6, TOKEN, b"t-1234", None)]
    kept = first_come(hits, RANKS)
    assert len(kept) == hidden
    assert [url[one.start : one.end] for one in kept] == [one.escaped for one in kept]
    assert kept[0].start == (at if hidden == 1 else len(before))
