"""What may stay beside a known value: words of a text, and never the rest of another secret."""

from app.scrubber.redact.authors import Author
from app.scrubber.redact.words import may_stand
from tests.cases import every_case

BOTH: tuple[Author, ...] = ("model", "other")
URL, TOKEN = {"db_connection_string"}, {"github_token"}


@every_case(
    "rest, detectors",
    [
        ([b"", b"?sslmode=require"], URL),
        ([b"", b":5432/main"], URL),
        ([b"--url=", b""], URL),
        ([b"", b""], TOKEN),
        ([b"(", b")."], TOKEN),
        ([b"a-", b"-b"], TOKEN),
        ([b"export TOKEN=", b""], TOKEN),
        ([b"", b", ", b" and 12345"], TOKEN),
        ([b"", b"/release2"], {"jwt"}),
    ],
)
def test_words_and_options_beside_a_value_stay(rest: list[bytes], detectors: set[str]) -> None:
    rest = [b" " + rest[0], *rest[1:]]
    assert all(may_stand(rest, detectors, wrote) for wrote in BOTH)


@every_case(
    "rest, detectors",
    [
        ([b"", b"?application=f4k3F4k3"], URL),
        ([b"", b"?password=f4k3F4k3"], URL),
        ([b"", b"-f4k3f"], TOKEN),
        ([b"aB3xY-", b""], TOKEN),
        ([b"", b" aB3xY ", b""], TOKEN),
        ([b"", b"-123456"], TOKEN),
        ([b"", b"-" + b"a" * 25], TOKEN),
    ],
)
def test_what_looks_random_beside_a_value_never_stays(
    rest: list[bytes], detectors: set[str]
) -> None:
    assert not any(may_stand(rest, detectors, wrote) for wrote in BOTH)


@every_case(
    "rest, detectors",
    [
        ([b"", b"?user=a&password=word"], URL),
        ([b"other@", b""], URL),
        ([b"", b":word"], URL),
        ([b"", b"?API_KEY=word"], URL),
        ([b"", b"word"], TOKEN),
        ([b"word", b""], TOKEN),
        ([b"", b" word", b""], TOKEN),
        ([b"", b"1"], TOKEN),
    ],
)
def test_only_the_model_may_have_joined_a_word_or_added_a_login(
    rest: list[bytes], detectors: set[str]
) -> None:
    assert [may_stand(rest, detectors, wrote) for wrote in BOTH] == [True, False]
