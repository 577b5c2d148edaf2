"""Runs of strings in an array, cut at any place."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.json.spans import Span
from app.scrubber.json.strings import Run, each_string, skipped_in_request, strings


def test_the_strings_of_an_array_come_one_by_one_from_its_runs() -> None:
    words = ["one", "two", 'th"ree']
    text = json.dumps({"messages": words}).encode()
    assert any(isinstance(one, Run) for one in each_string(text, skipped_in_request, "api"))
    found = [json.loads(b'"%b"' % text[one.span.start : one.span.end]) for one in strings(text)]
    assert [one for one in found if one in words] == words


WORDS = st.lists(st.text('a"\\ ', max_size=3), min_size=1, max_size=6)


@given(WORDS, st.sampled_from([None, 1]))
def test_a_run_is_divided_between_two_strings_wherever_it_is_cut(
    words: list[str], indent: int | None
) -> None:
    text = json.dumps(["z", *words, "z"], indent=indent).encode()
    start = text.index(b'"', text.index(b'"z"') + 3)
    run = Run(Span(start, text.rindex(b'"z"') - 1), 7, ("path", 0), 1)
    run = run.until(text, run.span.end)  # without the comma behind it
    texts = list(run.texts(text))
    assert [json.loads(text[one.span.start - 1 : one.span.end + 1]) for one in texts] == words
    assert [one.path for one in texts] == [(("path", 0), at) for at in range(1, len(words) + 1)]
    for end in range(start, run.span.end + 1):
        begun = run.until(text, end)
        whole = [one for one in texts if one.span.end < end]
        assert list(begun.texts(text)) == whole
        assert begun.span == Span(start, whole[-1].span.end + 1 if whole else start)
        rest = run.behind(text, begun.span.end, len(whole))
        assert list(rest.texts(text)) == texts[len(whole) :]
        assert rest.span == Span(
            texts[len(whole)].span.start - 1 if whole != texts else run.span.end, run.span.end
        )
