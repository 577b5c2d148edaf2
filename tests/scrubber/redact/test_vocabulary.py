"""Known values are found wherever they stand, whatever their number and length."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.json.spans import Span
from app.scrubber.redact import vocabulary
from app.scrubber.redact.vocabulary import Vocabulary

VALUES = st.lists(
    st.text(string.ascii_letters + string.digits, min_size=12, max_size=60), unique=True
)


def found(values: list[str], text: bytes) -> list[tuple[Span, str]]:
    known = Vocabulary()
    places: list[tuple[Span, str]] = []
    for value in values:
        known.add(value)
        places = list(known.find(text, [Span(0, len(text))]))
    return places


@given(VALUES)
def test_each_of_many_long_values_is_found_at_its_place(values: list[str]) -> None:
    values = [value for value in values if sum(value in other for other in values) == 1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(vocabulary, "_LONGEST", 100)  # characters: two or three of them
        places = found(values, " ".join(values).encode())
    at = 0
    wanted = []
    for value in values:
        wanted.append((Span(at, at + len(value)), value))
        at += len(value) + 1
    assert sorted(places) == wanted


def test_an_automaton_is_built_of_so_many_characters_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    class Counted(vocabulary._Automaton):
        def __init__(self, values: list[str]) -> None:
            sizes.append(sum(map(len, values)) if len(values) > 1 else 0)
            super().__init__(values)

    monkeypatch.setattr(vocabulary, "_Automaton", Counted)
    monkeypatch.setattr(vocabulary, "_LONGEST", 5_000)
    values = [f"{number:04}" * 20 for number in range(200)]
    assert len(found(values, " ".join(values).encode())) == len(values)
    assert max(sizes) <= vocabulary._LONGEST
    assert sum(map(bool, sizes)) > 1


@pytest.mark.parametrize("steps", [(256, 240), (250, 6, 1), (1, 15, 16, 512, 17), (300, 212, 600)])
def test_all_values_are_found_however_many_come_at_once(steps: tuple[int, ...]) -> None:
    known, values = Vocabulary(), list[str]()
    for step in steps:
        more = [f"value{number:08}" for number in range(len(values), len(values) + step)]
        values += more
        for value in more:
            known.add(value)
        text = " ".join(values).encode()
        assert sorted(one for _, one in known.find(text, [Span(0, len(text))])) == values
        assert known.occurs(values[0].encode())


@given(
    st.lists(st.text("ab", min_size=6, max_size=9), min_size=1),
    st.lists(st.text("abc", max_size=12)),
    st.sampled_from((0, vocabulary._SHORT)),
)
def test_a_value_occurs_wherever_it_stands_among_others_that_begin_like_it(
    values: list[str], words: list[str], before: int
) -> None:
    known, text = Vocabulary(), "." * before + "".join(words)
    for value in values:
        known.add(value)
    assert known.occurs(text.encode()) == any(value in text for value in values)


def test_a_value_occurs_where_it_may_begin_only() -> None:
    known, text = Vocabulary(), b"a hunter2 hunter22"
    known.add("hunter2")
    known.add("hunter22")
    assert known.occurs(text, [2])
    assert known.occurs(text, [0, 10])
    assert not known.occurs(text, [0, 3, 17])
    assert not known.occurs(text, [])
    assert not Vocabulary().occurs(text, [2])


def test_each_value_occurs_whatever_the_number_of_beginnings() -> None:
    known, words = Vocabulary(), "words " * 40
    values = [f"{number:04}-value" for number in range(3 * vocabulary._FEW)]
    for number, value in enumerate(values):
        known.add(value)
        assert all(known.occurs(f"{words}{one}".encode()) for one in values[: number + 1])
        assert not any(known.occurs(f"{words}{one}".encode()) for one in values[number + 1 :])


@pytest.mark.parametrize("values", [1, 2, vocabulary._LOOKS - 1, vocabulary._LOOKS, 3 * 64 + 1])
def test_a_value_occurs_among_many_that_begin_alike(values: int) -> None:
    known, alike = Vocabulary(), "begin" * 20
    for number in range(values):
        known.add(f"{alike}{number:04}")
    text = f"{alike}9999 {'words ' * 40} begin {alike}"
    assert not known.occurs(text.encode())
    for number in (0, values - 1):
        assert known.occurs(f"{text}{number:04}".encode())


@pytest.mark.parametrize("before", range(-12, 1))
@pytest.mark.parametrize("looks", [vocabulary._LOOKS, -1])  # without automata, and with them
def test_a_value_is_found_at_the_edge_of_a_window(
    before: int, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_LOOKS", looks)
    at = vocabulary._WINDOW + before
    text = b"." * at + b"token-0123456789" + b"." * 200
    assert found(["token-0123456789"], text) == [(Span(at, at + 16), "token-0123456789")]


def test_a_value_is_found_where_the_beginning_of_another_overlaps_its_own() -> None:
    words = "many words, " * 20
    values = ["aaabbbcccddd1", "aabcccdddeee2"]  # `aaab` stands where `aabc` begins
    text = f"{words}aaabcccdddeee2 {words}".encode()
    assert found(values, text) == [(Span(len(words) + 1, len(words) + 14), values[1])]


@given(
    st.lists(st.text("ab", min_size=12, max_size=16), min_size=1, max_size=8),
    st.text("ab", max_size=40),
)
def test_values_that_share_their_beginnings_are_found_in_long_text(
    values: list[str], rest: str
) -> None:
    text = (rest + values[-1] + "." * 200).encode()
    assert any(text[span.start : span.end] == value.encode() for span, value in found(values, text))


@pytest.mark.parametrize(
    ("text", "at"),
    [(rb"\nabledvalue000", None), (rb"\nnabledvalue000", 2), (rb"\\nabledvalue000", 2)],
)
@pytest.mark.parametrize("looks", [vocabulary._LOOKS, -1])
def test_a_value_that_begins_inside_an_escape_is_no_value(
    text: bytes, at: int | None, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_LOOKS", looks)
    value = "nabledvalue000"
    wanted = [] if at is None else [(Span(at, at + len(value)), value)]
    assert found([value], text) == wanted


BEGINNINGS = ("$ANSIBLE_VAULT;1.1;AES256\n", "-----BEGIN KEY-----\n", "user", "p\u00e4ss", "")
ALIKE = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(BEGINNINGS),
        st.text("ab0", min_size=6, max_size=10),
        st.sampled_from(("", "@example.com", "x" * 60)),
    ),
    min_size=1,
    max_size=60,
    unique=True,
)


@given(ALIKE, ALIKE, st.booleans())
def test_a_text_without_a_look_holds_none_of_the_values(
    values: list[str], others: list[str], ascii_only: bool
) -> None:
    known = Vocabulary()
    for value in values:
        known.add(value)
    for other in (*others, " ".join(others), "words " * 40 + others[0]):
        text = json.dumps(other, ensure_ascii=ascii_only)[1:-1]
        held = any(json.dumps(value, ensure_ascii=ascii_only)[1:-1] in text for value in values)
        assert known.occurs(text.encode()) == held


@pytest.mark.parametrize("others", range(4))
def test_of_a_value_that_holds_an_older_one_nothing_is_left(others: int) -> None:
    vocabulary = Vocabulary()
    longer = "a-correctHorse12XYZ99"
    for value in ("correctHorse12", *(f"other-value-{at}" for at in range(others)), longer[2:]):
        vocabulary.add(value)
    vocabulary.add(longer)
    text = f"is {longer} or {longer[2:]}".encode()
    found = [value for _, value in vocabulary.find(text, [Span(0, len(text))])]
    assert found == [longer, longer[2:]]


ANY_VALUES = st.lists(st.text("ab-", min_size=6, max_size=16), min_size=1, max_size=6)
JOINTS = st.sampled_from(("", " ", "a", "-", "\\", "\\n", "x" * 130))


@given(ANY_VALUES, st.lists(JOINTS, max_size=6), st.integers(0, 40), st.data())
def test_a_few_values_are_found_as_automata_find_them(
    values: list[str], joints: list[str], cut: int, data: st.DataObject
) -> None:
    known = Vocabulary()
    for value in values:
        known.add(value)
    pieces = [data.draw(st.sampled_from(values)) + joint for joint in joints]
    text = "".join(pieces).encode()
    cut = min(cut, len(text))
    spans = [Span(0, cut), Span(cut, len(text))]
    quickly = list(known.find(text, spans)), known.occurs(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(vocabulary, "_LOOKS", -1)
        assert (list(known.find(text, spans)), known.occurs(text)) == quickly
